"""A nested leaf with NX refuses instruction fetches and nothing else (APM 2, 15.25.5)."""

import pytest
from msgspec.structs import replace

from emu.hw.exit import Exit, ExitKind
from emu.hw.nested_walk import ACCESSED, DIRTY
from emu.hw.vmcb import EXIT_NPF
from emu.machine.no_execute import code_base, go_on
from tests.machine.bare import CODE, DATA, PAGES, TABLES, Bare, gpa, gva

LOAD, STORE, ADD = b"\x48\x8b\x03", b"\x48\x89\x03", b"\x48\x01\x03"
"""mov rax, [rbx]; mov [rbx], rax; add [rbx], rax."""
JUMP = b"\xff\xe3"
JUMP_BY_MEMORY = b"\xff\x23"
"""jmp rbx; jmp [rbx]."""
WORD = 0x1122334455667788
FIRST, SECOND, THIRD = DATA


def bare(*pages: int, code: bytes = LOAD, at: int = gva(FIRST), platform: str = "none") -> Bare:
    """A guest with RBX at an address, and these pages no-execute."""
    found = Bare(platform)
    for page in DATA:
        found.put(page, 0, WORD.to_bytes(8, "little") * 512)
    for page in pages:
        found.nested(page, "rw")
    found.code(code)
    found.cpu.registers.put("rbx", at)
    found.cpu.registers.put("rax", 1)
    return found


def test_a_no_execute_page_is_read() -> None:
    guest = bare(FIRST)
    assert guest.step() == ""
    assert guest.cpu.registers.get("rax") == WORD
    assert guest.cpu.registers.rip == gva(CODE[0], 3)


def test_a_no_execute_page_is_written() -> None:
    guest = bare(FIRST, code=STORE * 2)
    assert guest.step(2) == ""
    assert guest.word(FIRST) == 1


def test_a_no_execute_page_is_changed_in_place_once() -> None:
    guest = bare(FIRST, code=ADD)
    assert guest.step() == ""
    assert guest.word(FIRST) == WORD + 1


def test_going_back_undoes_a_store_to_a_no_execute_page() -> None:
    guest = bare(FIRST, code=STORE)
    guest.machine.board.undo.cut()
    guest.step()
    assert guest.hpa(FIRST) in guest.machine.board.undo.images
    guest.machine.board.undo.revert()
    assert guest.word(FIRST) == WORD


@pytest.mark.parametrize("pages", [(FIRST,), (SECOND,), (FIRST, SECOND)])
@pytest.mark.parametrize("code", [LOAD, STORE, ADD])
def test_an_access_may_span_no_execute_pages(code: bytes, pages: tuple[int, ...]) -> None:
    guest = bare(*pages, code=code, at=gva(FIRST, 0xFFD))
    plain = bare(code=code, at=gva(FIRST, 0xFFD))
    assert guest.step() == plain.step() == ""
    assert guest.cpu.registers.get("rax") == plain.cpu.registers.get("rax")
    assert guest.read(FIRST, 0xFF8, 16) == plain.read(FIRST, 0xFF8, 16)


def test_a_copy_goes_from_one_no_execute_page_to_another() -> None:
    guest = bare(FIRST, SECOND, code=b"\xf3\x48\xa5")  # rep movsq
    for name, value in (("rsi", gva(FIRST)), ("rdi", gva(SECOND)), ("rcx", 3)):
        guest.cpu.registers.put(name, value)
    guest.put(FIRST, 0, bytes(range(24)))
    assert guest.step(4) == ""
    assert guest.read(SECOND, 0, 32) == bytes(range(24)) + WORD.to_bytes(8, "little")


def test_a_stack_may_be_no_execute() -> None:
    # push rax; call +0; ret to the instruction behind the call, then: pop rcx
    guest = bare(FIRST, code=b"\x50\xe8\x01\x00\x00\x00\x59\xc3")
    guest.step(2)
    assert guest.cpu.registers.rip == gva(CODE[0], 7)
    assert guest.step(2) == ""
    assert guest.cpu.registers.get("rcx") == 1
    assert guest.cpu.registers.get("rsp") == gva(SECOND)


def test_an_exception_is_delivered_through_no_execute_pages() -> None:
    guest = bare(FIRST, SECOND, code=b"\x0f\x0b")  # ud2
    handler, selector = gva(CODE[0], 0x80), guest.cpu.registers.segment("cs").selector
    gate = handler & 0xFFFF | selector << 16 | 0x8E00 << 32 | (handler >> 16 & 0xFFFF) << 48
    guest.put(FIRST, 16 * 6, gate.to_bytes(8, "little"))
    guest.put(FIRST, 16 * 6 + 8, (handler >> 32).to_bytes(8, "little"))
    guest.put(CODE[0], 0x80, b"\x58")  # pop rax: the address that faulted
    idt = guest.cpu.registers.segment("gdtr")
    guest.cpu.registers.put_segment("idtr", type(idt)(0, gva(FIRST), 0xFFF, 0))
    gdt = guest.machine.board.ram.guest_bytes(idt.base, 64)
    assert gdt is not None
    guest.put(SECOND, 0x100, gdt)
    guest.cpu.registers.put_segment("gdtr", type(idt)(0, gva(SECOND, 0x100), 63, 0))
    guest.step(2)
    assert guest.machine.board.crash == ""
    assert guest.cpu.registers.get("rax") == gva(CODE[0])


@pytest.mark.parametrize("table", TABLES)
def test_a_guest_page_table_may_be_no_execute(table: int) -> None:
    guest = bare(table, code=LOAD + STORE)
    assert guest.step() == ""
    assert guest.entry(FIRST) & (ACCESSED | DIRTY) == ACCESSED
    assert guest.step() == ""
    assert guest.entry(FIRST) & (ACCESSED | DIRTY) == ACCESSED | DIRTY
    assert guest.entry(CODE[0]) & ACCESSED


def test_all_tables_and_the_page_may_be_no_execute_at_once() -> None:
    guest = bare(*TABLES, FIRST, SECOND, code=ADD, at=gva(FIRST, 0xFFC))
    assert guest.run(1) == ""
    assert guest.read(FIRST, 0xFFC, 1) == bytes(((WORD >> 32 & 0xFF) + 1,))


def test_a_table_can_be_read_and_written_as_data_while_it_is_no_execute() -> None:
    guest = bare(TABLES[-1], code=STORE + LOAD, at=gva(TABLES[-1], 8 * PAGES))
    assert guest.step(2) == ""
    assert guest.word(TABLES[-1], 8 * PAGES) == guest.cpu.registers.get("rax") == 1


def test_a_fetch_is_refused() -> None:
    guest = bare(FIRST, code=JUMP)
    guest.put(FIRST, 0, b"\x90" * 16)
    assert f"fetching GPA {gpa(FIRST):#x}" in guest.run(2)
    assert guest.cpu.registers.rip == gva(FIRST)
    assert guest.cpu.ticks == 1


@pytest.mark.parametrize("steps", ["by hand", "at once"])
def test_a_jump_through_a_page_into_the_same_page_is_refused(steps: str) -> None:
    guest = bare(FIRST, code=JUMP_BY_MEMORY)
    guest.put(FIRST, 0, gva(FIRST, 0x40).to_bytes(8, "little"))
    guest.put(FIRST, 0x40, b"\x90" * 16)
    said = guest.run(3) if steps == "at once" else guest.step(2)
    assert f"fetching GPA {gpa(FIRST, 0x40):#x}" in said
    assert guest.cpu.ticks == 1
    assert guest.cpu.registers.rip == gva(FIRST, 0x40)


@pytest.mark.parametrize("steps", ["by hand", "at once"])
@pytest.mark.parametrize("code", [JUMP, JUMP_BY_MEMORY])
def test_a_jump_is_one_instruction_though_the_emulator_fetches_far_behind_it(
    code: bytes, steps: str
) -> None:
    target = gva(CODE[1], 0xFFE)
    guest = bare(FIRST, SECOND, code=code, at=target if code == JUMP else gva(SECOND))
    guest.put(SECOND, 0, target.to_bytes(8, "little"))
    guest.put(CODE[1], 0xFFE, b"\x90\x90")  # and then into the page that is no-execute
    move = guest.run if steps == "at once" else guest.step
    assert move(1) == ""
    assert (guest.cpu.ticks, guest.cpu.registers.rip) == (1, target)
    assert f"fetching GPA {gpa(FIRST):#x}" in move(3)
    assert (guest.cpu.ticks, guest.cpu.registers.rip) == (3, gva(FIRST))


def test_a_return_to_a_stack_that_is_no_execute_is_refused() -> None:
    guest = bare(FIRST, code=b"\x53\xc3", at=gva(FIRST, 0x40))  # push rbx; ret
    guest.put(FIRST, 0x40, b"\x90" * 16)
    assert f"fetching GPA {gpa(FIRST, 0x40):#x}" in guest.run(4)
    assert guest.cpu.ticks == 2


@pytest.mark.parametrize("steps", ["by hand", "at once"])
def test_an_instruction_that_ends_on_a_no_execute_page_is_refused_though_it_reads_there(
    steps: str,
) -> None:
    guest = bare(CODE[1], at=gva(CODE[1], 0x80))
    guest.code(b"\x90\x90" + LOAD, offset=0xFFC)
    said = guest.run(3) if steps == "at once" else guest.step(3)
    assert f"fetching GPA {gpa(CODE[1]):#x}" in said
    assert guest.cpu.registers.rip == gva(CODE[0], 0xFFE)
    assert guest.cpu.ticks == 2


def test_what_comes_before_an_instruction_that_is_refused_still_happens() -> None:
    guest = bare(FIRST, CODE[1])
    guest.code(STORE + LOAD, offset=0xFFB)
    assert "fetching" in guest.run(3)
    assert guest.word(FIRST) == 1
    assert guest.cpu.registers.rip == gva(CODE[0], 0xFFE)


def test_code_on_its_own_no_execute_page_table_is_refused() -> None:
    last = TABLES[-1]
    guest = bare(last)
    guest.code(b"\x90" * 4, page=last, offset=0x800)
    assert f"fetching GPA {gpa(last, 0x800):#x}" in guest.step()
    assert guest.cpu.ticks == 0


def test_an_instruction_that_ends_on_its_own_no_execute_page_table_is_refused() -> None:
    last = TABLES[-1]
    guest = bare(last, at=gva(FIRST))
    guest.machine.board.memory.put_u64(guest.hpa(last, 8 * CODE[1]), gpa(last) | 7)
    guest.code(b"\x90" * 4)
    guest.put(CODE[0], 0xFFE, LOAD[:2])
    guest.put(last, 0, LOAD[2:])
    guest.cpu.registers.put("rip", gva(CODE[0], 0xFFE))
    assert f"fetching GPA {gpa(last):#x}" in guest.step()
    assert guest.cpu.ticks == 0


@pytest.mark.parametrize(
    ("rights", "code", "verb"),
    [("r", STORE, "writing"), ("r", ADD, "writing"), ("", LOAD, "reading"),
     ("w", STORE, "writing")],
)  # fmt: skip
def test_what_the_leaf_lacks_besides_is_refused(rights: str, code: bytes, verb: str) -> None:
    guest = bare(code=code)
    guest.nested(FIRST, rights)
    assert f"{verb} GPA {gpa(FIRST):#x}" in guest.step()
    assert guest.word(FIRST) == WORD


def test_a_read_only_page_table_that_is_no_execute_refuses_the_walk_as_a_write() -> None:
    guest = bare()
    guest.nested(TABLES[2], "r")
    assert "writing" in guest.step()


def test_a_page_that_the_host_has_broken_stays_out_of_reach() -> None:
    guest = bare(FIRST, platform="tdx")
    guest.machine.stores.host_write(gpa(FIRST), b"\x00")
    assert "whose integrity the host has broken" in guest.step()


@pytest.mark.parametrize("code", [LOAD, STORE, ADD])
@pytest.mark.parametrize("pages", [(FIRST,), (SECOND,), (FIRST, SECOND), TABLES])
def test_a_shared_page_of_a_td_may_be_no_execute(code: bytes, pages: tuple[int, ...]) -> None:
    def spanning(*pages: int) -> Bare:
        guest = bare(platform="tdx", code=code, at=gva(FIRST, 0xFFD))
        guest.share(SECOND)
        for page in pages:
            guest.nested(page, "rw")
        return guest

    guest, plain = spanning(*pages), spanning()
    assert guest.step() == plain.step() == ""
    assert guest.cpu.registers.get("rax") == plain.cpu.registers.get("rax")
    assert guest.read(FIRST, 0xFF8, 8) == plain.read(FIRST, 0xFF8, 8)
    assert guest.read(SECOND, 0, 8) == plain.read(SECOND, 0, 8)


def test_code_on_a_shared_page_of_a_td_that_is_no_execute_gets_a_ve() -> None:
    guest = bare(platform="tdx", code=JUMP)
    guest.share(FIRST)
    guest.nested(FIRST, "rw")
    guest.step(2)
    events = [event.text for event in guest.machine.board.logs.events]
    assert any(text.startswith("#VE: fetching GPA 0x8000") for text in events)


def test_a_code_segment_with_a_base_leads_nowhere_else_in_64_bit_mode() -> None:
    guest = bare(FIRST, code=b"\xb0\x05")  # mov al, 5
    guest.put(FIRST, 0, b"\xb0\x06")
    segment = guest.cpu.registers.segment("cs")
    astray = replace(segment, base=gva(FIRST) - gva(CODE[0]))
    guest.cpu.registers.put_segment("cs", astray)
    assert guest.step() == ""
    assert guest.cpu.registers.get("rax") == 5


def test_an_exit_of_another_kind_or_of_a_page_that_is_not_hidden_is_left_as_it_is() -> None:
    guest = bare()
    board, cpu = guest.machine.board, guest.cpu
    for exit_ in (
        Exit(ExitKind.PORT_OUT, 1, 0x80),
        Exit(ExitKind.INTERCEPT, 0, EXIT_NPF, gpa(FIRST)),
    ):
        assert go_on(board, cpu, exit_, 5, None) is exit_
    assert (board.tick, cpu.ticks) == (0, 0)


def test_a_base_of_cs_counts_outside_64_bit_mode_only() -> None:
    guest = bare()
    assert not code_base(guest.cpu)
    guest.cpu.registers.put_segment(
        "cs", replace(guest.cpu.registers.segment("cs"), base=0x1000)
    )
    assert code_base(guest.cpu)
