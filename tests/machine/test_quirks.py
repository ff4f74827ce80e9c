"""Where the emulator differs from hardware the guest cannot tell."""

import pytest
from msgspec.structs import replace

from emu.hw.exit import Exit, ExitKind
from emu.hw.nested_walk import ACCESSED, DIRTY
from emu.hw.vmcb import EXIT_EXCEPTION, EXIT_NPF
from emu.machine.quirks import SHARED_BIT, UNDONE, repair
from emu.machine.ram import SHARED_ALIAS
from tests.guest import SHARED, Guest, finish, word
from tests.machine.bare import CODE, DATA, Bare, gpa, gva

LOAD, STORE = b"\x48\x8b\x03", b"\x48\x89\x03"
"""mov rax, [rbx]; mov [rbx], rax."""
FIRST, SECOND, _ = DATA
_FAULT = EXIT_EXCEPTION + 14


def td(code: bytes, *shared: int, at: int = gva(FIRST)) -> Bare:
    """A TD with these pages shared, and RBX at an address."""
    guest = Bare("tdx")
    for page in shared:
        guest.share(page)
    guest.code(code)
    guest.cpu.registers.put("rbx", at)
    guest.cpu.registers.put("rax", 0x1122_3344_5566_7788)
    return guest


@pytest.mark.parametrize("steps", ["by hand", "at once"])
def test_a_leaf_with_the_shared_bit_reaches_the_shared_view_and_stays_as_it_was(
    steps: str,
) -> None:
    guest = td(STORE + LOAD, FIRST)
    said = guest.step(2) if steps == "by hand" else guest.run(2)
    assert said == "" and guest.word(FIRST) == 0x1122_3344_5566_7788
    bank = guest.machine.board.ram.bank(gpa(FIRST))
    assert bank is not None
    private = bank.hpa + gpa(FIRST) - bank.gpa
    assert guest.machine.board.memory.u64(private) == 0
    leaf = guest.entry(FIRST)
    assert leaf >> SHARED_BIT & 1 and not leaf & SHARED_ALIAS
    assert leaf & (ACCESSED | DIRTY) == ACCESSED | DIRTY
    assert guest.machine.board.tick == 2


@pytest.mark.parametrize("shared", [(FIRST,), (SECOND,), (FIRST, SECOND)])
def test_an_access_may_span_both_views(shared: tuple[int, ...]) -> None:
    guest = td(STORE + LOAD, *shared, at=gva(FIRST, 0xFFD))
    assert guest.step(2) == ""
    assert guest.read(FIRST, 0xFFD, 3) + guest.read(SECOND, 0, 5) == bytes.fromhex(
        "8877665544332211"
    )
    assert [page for page in DATA if guest.entry(page) >> SHARED_BIT & 1] == list(shared)


def test_a_page_that_is_not_shared_is_the_guest_s_own_doing() -> None:
    guest = td(LOAD)
    guest.shared.add(FIRST)
    guest.tables()  # the leaf asks for the shared view, the page is private
    guest.machine.steps(guest.cpu)
    said = [one.text for one in guest.machine.board.logs.events if one.kind == "fault"]
    assert said and "#VE" in said[0] and "which is not shared" in said[0]
    assert not guest.entry(FIRST) & SHARED_ALIAS


def test_in_64_bit_mode_a_base_of_cs_is_ignored() -> None:
    ends = []
    for base in (0, 0x1000):
        driver = Guest("start: mov dword ptr [{SHARED}], 7\n hlt").driver()
        registers = driver.machine.board.cpus[0].registers
        registers.put_segment("cs", replace(registers.segment("cs"), base=base))
        board = finish(driver)
        ends.append((word(board, SHARED), board.cpus[0].activity, registers.rip))
    assert ends[0] == ends[1] == (7, "halted", ends[0][2])


def test_what_the_guest_did_itself_is_not_repaired() -> None:
    plain = Guest("start: hlt").machine()
    cpu = plain.board.cpus[0]
    for exit_ in (
        Exit(ExitKind.INTERCEPT, 0, _FAULT, 0x1234, 2), Exit(ExitKind.INTERCEPT, 0, EXIT_NPF),
        Exit(ExitKind.PORT_IN, 1, 0x80), Exit(ExitKind.INTERCEPT, 0, _FAULT, 0x1234, 8),
    ):  # fmt: skip
        assert repair(plain.board, cpu, exit_) is None
    guest = td(LOAD)
    reserved = Exit(ExitKind.INTERCEPT, 0, _FAULT, gva(CODE[0]), 8)
    assert repair(guest.machine.board, guest.cpu, reserved) is None
    assert UNDONE.kind is ExitKind.BUDGET
