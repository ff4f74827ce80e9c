"""What is not exact, shown: each of these tests fails once it is (docs/limits.md)."""

from typing import Final

from emu import open_session
from emu.hw.nested_walk import ACCESSED
from emu.machine.board import Board
from emu.mailbox.observation import Reused
from tests.guest import (
    BASE,
    CODE,
    DATA,
    PML4,
    PT,
    PT2,
    SHARED,
    X2APIC,
    Guest,
    boot,
    finish,
    read,
    step_to,
    word,
)
from tests.ways import run

STALE: Final = f"""
start: mov dword ptr [{DATA}], 1
    mov dword ptr [{DATA + 4096}], 2
    mov qword ptr [{{PT2}}], {DATA | 3}
    mov eax, [{{WINDOW}}]
    mov qword ptr [{{PT2}}], {DATA + 4096 | 3}
    mov eax, [{{WINDOW}}]
    mov [{{SHARED}}], eax
    hlt
"""
"""A page's entry is changed and nobody says INVLPG: what the second load sees is the TLB's."""
MISSING: Final = f"""
start: mov qword ptr [{{PT}} + {8 * (CODE // 4096 % 512 + 1)}], 0
    invlpg [{CODE + 4096}]
    lea rax, [rip + end]
    jmp rax
handler14: mov rax, [rsp + 8]
    mov [{{SHARED}}], rax
    hlt
    .org 4093
end: nop
    nop
    mov eax, 7
"""
"""The page behind the code is taken away, and MOV crosses into it."""


def test_a_stale_translation_does_not_outlive_a_step_by_hand() -> None:
    free, stepped = boot(STALE), boot(STALE)
    run(free)
    for _ in range(8):
        stepped.do("step 0 1")
    assert (read(free, SHARED, 4), read(stepped, SHARED, 4)) == (1, 2)


def test_a_missing_page_is_told_of_at_the_start_of_the_block_that_reaches_it() -> None:
    session = boot(MISSING)
    run(session)
    end = session.machine.board.layout.symbols.find("end")[0]
    assert read(session, SHARED) == end, "hardware executes the NOPs and says end + 2"


def test_the_sample_s_aps_arrive_with_a_gs_base_and_nobody_minds() -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("until secondary_start")
    gs = session.machine.board.cpus[1].registers.segment("gs")
    assert gs.base, "ACPI 6.6, 5.2.12.19: selectors are flat"
    assert session.findings() == ()


INTERRUPTED: Final = """
    handler64: mov rax, [rsp]
        mov [{SHARED}], rax
        hlt"""


def test_an_sti_that_finds_if_set_holds_back_as_well() -> None:
    session = boot("start: sti\n nop\n sti\nhere: nop\nthen: nop\n hlt" + INTERRUPTED)
    session.do("inject interrupt 0 0x40 at tick 3")
    run(session)
    at = session.machine.board.layout.symbols.find("then")[0]
    assert read(session, SHARED) == at, "SDM 2B, STI: only where IF was clear; hardware: here"


def test_a_load_of_ss_right_behind_sti_holds_nothing_back() -> None:
    session = boot("start: mov eax, ss\n sti\n mov ss, eax\nhere: nop\n hlt" + INTERRUPTED)
    session.do("inject interrupt 0 0x40 at tick 1")
    run(session)
    at = session.machine.board.layout.symbols.find("here")[0]
    assert read(session, SHARED) == at, "SDM 3, 6.8.3: behind the instruction that follows"


def test_a_nested_leaf_is_never_marked_accessed() -> None:
    session = boot("start: mov dword ptr [{DATA}], 1\n hlt")
    run(session)
    assert not session.machine.board.npt.leaf(DATA) & ACCESSED


def test_upper_halves_of_debug_registers_can_be_set() -> None:
    """SDM 2B, MOV to debug registers: #GP(0)."""
    session = boot("""start: mov rax, 1
        shl rax, 40
        mov dr7, rax
        mov dword ptr [{SHARED}], 1
        hlt
        handler13: hlt""")
    run(session)
    assert read(session, SHARED, 4) == 1


def test_a_pdpte_with_reserved_bits_can_be_loaded() -> None:
    """SDM 3A, 4.4.1: MOV to CR3 with PAE paging is #GP(0) then. 32-bit code, paging off."""
    session = boot(f"""start: lgdt [rip + gdtr]
        push 0x08
        lea rax, [rip + narrow]
        push rax
        .byte 0x48, 0xcb
    gdtr: .short 0x17
        .quad {CODE} + gdt - start
    gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
        .code32
    narrow: mov eax, 0x10
        mov ds, eax
        mov ss, eax
        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        mov ecx, 0xc0000080
        xor eax, eax
        xor edx, edx
        wrmsr
        mov dword ptr [{{DATA}}], 0x1e7
        mov eax, {{DATA}}
        mov cr3, eax
        mov dword ptr [{{SHARED}}], 2
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        hlt""")
    run(session)
    faults = [e.text for e in session.machine.board.logs.events if e.kind == "fault"]
    assert read(session, SHARED, 4) == 2 and not faults[0].startswith("#GP")


COPIES: Final = f"""
start: mov edi, {DATA}
    lea rsi, [rip + body]
    mov ecx, 16
    rep movsb
    mov edi, {DATA + 4096}
    lea rsi, [rip + body]
    mov ecx, 16
    rep movsb
    mov qword ptr [{{PT2}}], {DATA | 3}
    mov qword ptr [{{PT2}} + 8], {DATA + 4096 | 3}
    mov ebx, {{WINDOW}}
    call rbx
    AGAIN
    call rbx
    hlt
body: lea rax, [rip + 2f]
    mov byte ptr [rax], 0x90
2:  nop
    ret
"""
"""Code that stores to itself, in two pages, each executed once."""


def test_other_code_at_a_known_address_is_not_known_to_be_code() -> None:
    """So its store to its own block is counted twice, as anybody's was once."""
    apart, remapped = (
        boot(COPIES.replace("AGAIN", text))
        for text in (
            "nop\n add ebx, 4096",
            f"mov qword ptr [{PT2}], {DATA + 4096 | 3}\n invlpg [rbx]",
        )
    )
    run(apart)
    run(remapped)
    assert remapped.machine.board.tick == apart.machine.board.tick + 1


ROOT: Final = DATA + 0x1000
"""A root table of CPU 0's own, with the tables of CPU 1 below it."""
BEHIND: Final = f"""
cpu0: mov rax, [{PML4}]
    mov [{ROOT}], rax
    mov eax, {ROOT}
    mov cr3, rax
    mov ecx, 4000
1:  dec ecx
    jnz 1b
    mov rax, [{PT + 8 * 511}]
    mov [{PT + 8 * 511}], rax
    inc qword ptr [{PT + 8 * 511}]
    hlt
cpu1: mov ebx, {{MAILBOX}}
head: pause
    cmp word ptr [rbx], 1
    jne head
    hlt
"""
"""CPU 0 stores into a table that parked CPU 1 runs on."""


def test_a_store_right_behind_a_walk_through_a_guarded_table_goes_unseen() -> None:
    board = finish(Guest(BEHIND, cpus=2, mailbox=True).driver())
    assert not [seen for seen in board.logs.observed if isinstance(seen, Reused)], (
        "the walk of the store's own address has opened the table"
    )


TASK: Final = f"""
start: lea rsi, [rip + gdt]
    mov edi, {DATA}
    mov ecx, 48
    rep movsb
    lgdt [rip + gdtr]
    TAKEN
    mov eax, SELECTOR
here: ltr ax
    mov dword ptr [{{SHARED}}], 1
    hlt
handler14: hlt
    .balign 8
gdt: .quad 0, 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF, 0x0000890000000067, 0
gdtr: .word 47
    .quad {DATA}
"""
"""A TSS, to be loaded."""
READ_ONLY: Final = f"""mov rax, cr0
    or rax, 0x10000
    mov cr0, rax
    and qword ptr [{PT + 8 * (DATA - BASE >> 12)}], ~2
    invlpg [{DATA}]"""


def task(selector: int, taken: str) -> Board:
    """Behind an LTR."""
    source = TASK.replace("SELECTOR", f"{selector}").replace("TAKEN", taken)
    return finish(Guest(source).driver())


def test_an_ltr_whose_busy_bit_cannot_be_stored_has_loaded_all_but_the_selector() -> None:
    board = task(0x20, READ_ONLY)
    found = board.cpus[0].registers.segment("tr")
    assert word(board, SHARED) == 0, "that it faults is right"
    assert (found.selector, found.limit) == (0, 0x67), "hardware leaves TR as it was"


def test_an_ltr_of_no_selector_is_no_general_protection() -> None:
    assert word(task(0, ""), SHARED) == 1


def test_ins_in_a_td_has_stored_a_zero_before_it_is_refused() -> None:
    machine = Guest(f"""
    start: mov dword ptr [{DATA}], 0x11223344
        mov edi, {DATA}
        mov edx, 0x1f0
        insw
    handler20: jmp handler20
    """, 1, "tdx").machine()  # fmt: skip
    step_to(machine, 0, "handler20")
    assert word(machine.board, DATA, 4) == 0x1122_0000, "hardware leaves it as it was"


def test_a_td_that_asks_for_exceptions_of_cpuid_gets_none() -> None:
    machine = Guest("""
    start: mov eax, 5
        mov ecx, 3
        .byte 0x66, 0x0f, 0x01, 0xcc
        mov [{SHARED}], rax
        mov eax, 1
        cpuid
    there: jmp there
    handler20: jmp handler20
    """, 1, "tdx").machine()  # fmt: skip
    step_to(machine, 0, "there")
    assert word(machine.board, SHARED) == 0, "it was granted, and hardware then comes to #VE"


def test_the_page_of_the_apic_does_not_move() -> None:
    session = boot("""
    start:
        mov ecx, 0x1B
        mov edx, 0
        mov eax, 0xfed00900
        wrmsr
        mov rax, 0xfee00003
        mov [{PT2}], rax
        mov eax, [{WINDOW} + 0x30]
        mov [{DATA}], eax
        hlt
    """)
    run(session)
    assert read(session, DATA, 4) == 0x0005_0014


GATE_OF_16_BITS: Final = 0x8600
"""Present, type 6 (SDM 3A, table 3-2)."""


def test_a_gate_of_16_bits_is_a_fault() -> None:
    source = f"""
    start: sgdt [{{DATA}}]
        mov rbx, [{{DATA}} + 2]
        mov rax, 0x00cf9b000000ffff
        mov [rbx + 8], rax
        mov rax, {GATE_OF_16_BITS << 32 | 8 << 16}
        mov [{{IDT}} + 8 * 64], rax
        push 8
        lea rax, [rip + narrow]
        push rax
        .byte 0x48, 0xcb
    .code32
    narrow: mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        mov ecx, 0xc0000080
        xor edx, edx
        xor eax, eax
        wrmsr
        int 64
    """
    session = boot(source)
    run(session)
    assert "#GP (IDT entry 64 is no interrupt or trap gate)" in session.machine.board.crash


def test_a_fault_pushes_the_flags_as_they_are() -> None:
    handler = "handler6: mov rax, [rsp + 16]\n mov [{SHARED}], rax\n hlt"
    session = boot(f"start: nop\n ud2\n{handler}")
    run(session)
    assert not read(session, SHARED) & 1 << 16, "hardware sets RF in it"


def test_an_interrupt_that_says_level_is_an_edge() -> None:
    session = boot(f"""start: {X2APIC}
        mov ecx, 0x830
        mov eax, 0xc041
        wrmsr
        mov ecx, 0x81a
        rdmsr
        mov [{SHARED}], eax
        hlt""")
    run(session)
    board = session.machine.board
    assert read(session, SHARED, 4) == 0 and board.vmm.vps[0].pending == 1 << 0x41
