"""What is not exact, shown: each of these tests fails once it is (docs/limits.md)."""

from typing import Final

from emu.hw.nested_walk import ACCESSED
from tests.guest import CODE, DATA, PT2, SHARED, boot, read
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


def test_an_interrupt_behind_sti_may_come_some_hundred_instructions_late() -> None:
    session = boot("start: nop\n nop\n sti\n" + "nop\n" * 400 + """hlt
    handler64: mov rax, [rsp]
        mov [{SHARED}], rax
        hlt""")  # fmt: skip
    session.do("inject interrupt 0 0x40 at tick 1")
    run(session)
    late = read(session, SHARED) - (CODE + 3)
    assert 1 < late <= 200, "hardware takes it behind the instruction that follows STI"


def test_a_nested_leaf_is_never_marked_accessed() -> None:
    session = boot("start: mov dword ptr [{DATA}], 1\n hlt")
    run(session)
    assert not session.machine.board.npt.leaf(DATA) & ACCESSED


def test_random_numbers_are_the_hosts() -> None:
    source = "start: rdrand rax\n mov [{SHARED}], rax\n hlt"
    found = set()
    for _ in range(2):
        session = boot(source)
        run(session)
        found.add(read(session, SHARED))
    assert len(found) == 2


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


def test_the_page_of_the_apic_is_not_modelled() -> None:
    session = boot("start: mov rax, 0xfee00020\n mov dword ptr [{PT2}], 0xfee00003\n"
                   " mov eax, [{WINDOW} + 0x20]\n hlt")  # fmt: skip
    run(session)
    told = "GPA 0xfee00020, the APIC's page, which is modelled in x2APIC mode alone"
    assert session.machine.board.crash.endswith(told)


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
    session = boot("""start:
        mov ecx, 0x1b
        rdmsr
        or eax, 0xc00
        wrmsr
        mov ecx, 0x80f
        xor edx, edx
        mov eax, 0x1ff
        wrmsr
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
