"""What is not exact, shown: each of these tests fails once it is (docs/limits.md)."""

from typing import Final

from emu.hw.nested_walk import ACCESSED
from tests.guest import CODE, DATA, PT2, SHARED, Guest, boot, read, step_to, word
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
