"""Faults say why: one tiny guest for each kind, and the event to the letter.

The causes are those of the SDM: volume 3, 4.6 (rights), 4.7 (error codes), 4.5 (reserved bits
of 4-level paging), 6.15 (#NP, #GP), 3.3.7.1 of volume 1 (canonical addresses).
"""

from typing import Final

import pytest

from emu.hw.nested_walk import PRESENT, USER, WRITE
from emu.machine.fault_words import access_words
from tests.guest import BASE, DATA, GDT, PD, PDPT, PML4, PT2, WINDOW, Guest, finish, label

P, RW, U = PRESENT, PRESENT | WRITE, PRESENT | USER
NX: Final = 1 << 63
TSS: Final = DATA + 0x1000
OWN_GDT: Final = DATA
USER_STACK: Final = DATA + 0x2000


def entry(place: int, value: int) -> str:
    """Assembly that sets an entry of a table."""
    return f"mov rax, {value}\n mov [{place}], rax\n"


def everywhere_user(leaf: int) -> str:
    """The tables of WINDOW with U at every level but the leaf, which is given."""
    upper = ((PML4, PDPT), (PDPT, PD), (PD + 24, PT2))
    return "".join(entry(place, table | RW | U) for place, table in upper) + entry(PT2, leaf)


SET_CR4: Final = "mov rax, cr4\n or rax, {}\n mov cr4, rax\n"
WP: Final = "mov rax, cr0\n or rax, 0x10000\n mov cr0, rax\n"
NO_NXE: Final = "mov ecx, 0xc0000080\n rdmsr\n and eax, 0xfffff7ff\n wrmsr\n"
READ: Final = f"here: mov eax, [{WINDOW}]\n"
STORE: Final = f"here: mov [{WINDOW}], eax\n"
FETCH: Final = f"mov rax, {WINDOW}\n jmp rax\n"
FROM_USER: Final = f"""
    mov rax, {PD | RW | U}
    mov [{PDPT}], rax
    mov rax, {PDPT | RW | U}
    mov [{PML4}], rax
    or qword ptr [{PD + 16}], 4
    or qword ptr [{PD + 24}], 4
    mov ecx, 512
    mov edi, {BASE + 0x3000}
more: or qword ptr [rdi], 4
    add edi, 8
    dec ecx
    jnz more
    mov rax, cr3
    mov cr3, rax
    lgdt [rip + gdtr]
    push 0x1b
    push {USER_STACK}
    push 2
    push 0x23
    lea rax, [rip + here]
    push rax
    iretq
    .balign 8
gdt: .quad 0, 0, 0x00AF9B000000FFFF, 0x00CFF3000000FFFF, 0x00AFFB000000FFFF
gdtr: .word 39
    .quad gdt - .Lbase + {BASE + 0x10000}
"""
"""Down to CPL 3 at `here`, with every page of the identity mapping a user's."""
OF_THE_GDT: Final = f"""
    lgdt [rip + gdtr]
    mov ax, 8
    jmp over
    .balign 8
gdt: .quad 0, {0x0000_8B00_0000_0067 | (TSS & 0xFFFFFF) << 16}, 0x00AF9B000000FFFF
    .quad 0x00CF13000000FFFF
gdtr: .word 31
    .quad gdt - .Lbase + {BASE + 0x10000}
over:
"""

PAGE_FAULTS: Final = {
    "L1 absent": (READ, f"#PF reading {WINDOW:#x} at here: L1 is not present"),
    "L2 absent": ("here: mov eax, [0x800000]",
                  "#PF reading 0x800000 at here: L2 is not present"),
    "L3 absent": ("mov rax, 0x40000000\n here: mov [rax], al",
                  "#PF writing 0x40000000 at here: L3 is not present"),
    "L4 absent": ("mov rax, 0x8000000000\n here: mov [rax], al",
                  "#PF writing 0x8000000000 at here: L4 is not present"),
    "read-only": (WP + entry(PT2, DATA | P) + STORE,
                  f"#PF writing {WINDOW:#x} at here: L1 has W=0 and CR0.WP is 1"),
    "read-only above": (WP + entry(PT2, DATA | RW) + entry(PD + 24, PT2 | P) + STORE,
                        f"#PF writing {WINDOW:#x} at here: L2 has W=0 and CR0.WP is 1"),
    "NX": (entry(PT2, DATA | RW | NX) + FETCH,
           f"#PF fetching {WINDOW:#x} at {WINDOW:#x}: L1 has NX"),
    "NX without NXE": (NO_NXE + entry(PT2, DATA | RW | NX) + READ,
                       f"#PF reading {WINDOW:#x} at here: "
                       "L1 has reserved bit 63: it is NX and EFER.NXE is 0"),
    "an address too wide": (entry(PT2, DATA | RW | 1 << 45) + READ,
                            f"#PF reading {WINDOW:#x} at here: "
                            "L1 has reserved bit 45: addresses have 40 bits"),
    "PS at the root": (entry(PML4 + 8, PDPT | RW | 0x80) + "mov rax, 0x8000000000\n"
                       "here: mov al, [rax]",
                       "#PF reading 0x8000000000 at here: "
                       "L4 has reserved bit 7: PS, and no entry of this level is a page"),
    "a crooked 2 MiB page": (entry(PD + 24, 0x6000 | RW | 0x80) + READ,
                             f"#PF reading {WINDOW:#x} at here: L2 has reserved bits 14:13: "
                             "the address of a large page is a multiple of its size"),
    "SMEP": (everywhere_user(DATA | RW | U) + SET_CR4.format(1 << 20) + FETCH,
             f"#PF fetching {WINDOW:#x} at {WINDOW:#x}: "
             "U=1 at every level: a user page, with CR4.SMEP from CPL 0"),
    "SMAP": (everywhere_user(DATA | RW | U) + SET_CR4.format(1 << 21) + READ,
             f"#PF reading {WINDOW:#x} at here: "
             "U=1 at every level: a user page, with CR4.SMAP and RFLAGS.AC 0 from CPL 0"),
    "a supervisor page": (entry(PT2, DATA | RW) + FROM_USER + READ,
                          f"#PF reading {WINDOW:#x} at here: "
                          "L1 has U=0: a supervisor page, from CPL 3"),
    "a user's read-only page": (entry(PT2, DATA | U) + FROM_USER + STORE,
                                f"#PF writing {WINDOW:#x} at here: L1 has W=0, from CPL 3"),
}  # fmt: skip
OTHERS: Final = {
    "not canonical": ("mov rax, 0x800000000000\n here: mov [rax], al",
                      "#GP at here: writing 0x800000000000: not canonical, bits 63:47 differ"),
    "no such selector": ("mov ax, 0x38\n here: mov ds, ax",
                         "#GP at here: selector 0x38 is outside the GDT (limit 0x1f)"),
    "a busy TSS": (OF_THE_GDT + "here: ltr ax", "#GP at here: selector 0x8 is a busy TSS"),
    "a segment that is absent": (OF_THE_GDT + "mov ax, 0x18\n here: mov ds, ax",
                                 "#NP at here: selector 0x18 is not present"),
    "an instruction": (FROM_USER + "here: cli", "#GP at here: `cli`"),
}  # fmt: skip


def faults(source: str) -> list[str]:
    """The faults of a guest that has no handler: the first is the one that is asked for."""
    driver = Guest(f"start: .Lbase:\n {source}\n hlt").driver()
    return [event.text for event in finish(driver).logs.events if event.kind == "fault"]


@pytest.mark.parametrize("kind", PAGE_FAULTS)
def test_a_page_fault_says_which_bit_of_which_level_it_lacks(kind: str) -> None:
    source, wanted = PAGE_FAULTS[kind]
    assert faults(source)[0] == wanted


@pytest.mark.parametrize("kind", OTHERS)
def test_other_faults_name_the_address_or_the_descriptor(kind: str) -> None:
    source, wanted = OTHERS[kind]
    assert faults(source)[0] == wanted


def test_a_known_address_is_told_with_its_symbol() -> None:
    source = f"""start: or qword ptr [{PT2 - 0x1000 + 8 * 0x10}], 0
        mov rax, cr0
        lea rax, [rip + word]
        and qword ptr [{PT2 - 0x1000 + 8 * 0x11}], 0
        invlpg [rax]
    here: mov [rax], al
        hlt
        .org 0x1000
    word: .quad 0"""
    board = finish(Guest(source).driver())
    told = [event.text for event in board.logs.events if event.kind == "fault"]
    at = label(board, "word")
    assert told[0] == f"#PF writing {at:#x} (word) at here: L1 is not present"


def test_a_nested_fault_says_for_which_address_a_page_is_needed() -> None:
    driver = Guest(entry(PT2, 0x7000_0000 | RW) + READ + "hlt").driver()
    assert finish(driver).crash == (
        f"cpu 0 at here: reading GPA 0x70000000 for {WINDOW:#x}, where there is no memory"
    )


def test_a_nested_fault_of_a_walk_names_the_entry_that_was_looked_for() -> None:
    driver = Guest(entry(PD + 24, 0x7000_0000 | RW) + READ + "hlt").driver()
    assert finish(driver).crash == (
        f"cpu 0 at here: writing GPA 0x70000000, the L1 entry for {WINDOW:#x}, "
        "where there is no memory"
    )


def test_the_processors_own_access_is_told_as_a_supervisors() -> None:
    board = Guest("hlt").machine().board
    context = board.cpus[0].registers
    assert access_words(board, context, WINDOW, "write") == f"{WINDOW:#x}: L1 is not present"
    assert GDT  # the loader's GDT is mapped: nothing refuses it now
    assert access_words(board, context, GDT, "read").endswith("translation was used")
