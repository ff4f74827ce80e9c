"""Differences of two moments name what changed, and nothing else."""

from emu import Session, open_session
from emu.debug.capture import capture
from emu.debug.compare import GROUP_LINES_MAX, compare
from emu.hw.address import Gpa


def at_start_aps() -> Session:
    session = open_session(platform="vbs", cpus=3)
    session.do("until start_aps")
    return session


def pages(session: Session) -> set[int]:
    """Every page of the guest that is not all zero, and the first one."""
    machine, zeros = session.machine, bytes(4096)
    return {
        hpa + at
        for _, hpa, size in machine.board.ram.views()
        for at in range(0, size, 4096)
        if at == 0 or machine.board.memory.read(hpa + at, 4096) != zeros
    }


def differences(session: Session, change: object) -> tuple[str, ...]:
    before = capture(session.machine, pages(session))
    assert callable(change)
    change()
    after = capture(session.machine, pages(session))
    return compare(before, after, session.machine.board.layout.symbols.name)


def test_nothing_differs_from_itself() -> None:
    assert differences(at_start_aps(), lambda: None) == ("no difference",)


def test_one_byte_is_one_line() -> None:
    session = at_start_aps()
    gpa = session.machine.board.ram.banks[0].gpa + 5
    found = differences(session, lambda: session.machine.stores.edit(gpa, b"\xa5"))
    assert found[1:] == (f"memory {gpa:#x}/1: 0x0 -> 0xa5",)


def test_one_register_is_one_line() -> None:
    session = at_start_aps()
    context = session.machine.board.cpus[0].registers
    old = context.get("r13")
    found = differences(session, lambda: context.put("r13", 0x1234))
    assert len(found) == 2
    assert found[1].startswith(f"cpu 0  r13 {old:#x}") and found[1].endswith("-> 0x1234")


def test_an_unmapped_page_is_named() -> None:
    session = at_start_aps()
    gpa = Gpa(session.machine.board.ram.banks[0].gpa + 0x3000)
    found = differences(session, lambda: session.machine.board.npt.unmap(gpa, 1))
    nested = [line for line in found if line.startswith("nested")]
    assert nested == [f"nested table {gpa:#x}..{gpa + 0xFFF:#x}: private rwx -> absent"]


def test_the_mailbox_is_told_in_words() -> None:
    session = open_session(platform="vbs", cpus=3)
    session.do("until mailbox_ack")
    found = differences(session, lambda: session.machine.steps(session.machine.board.cpus[1]))
    assert "mailbox command Wakeup -> Noop" in found
    assert any("rip" in line and "mailbox_jump" in line for line in found)


def test_every_group_is_bounded_and_says_so() -> None:
    session = open_session(platform="tdx", cpus=8)
    session.do("run")
    found = session.do("diff start end").reply
    assert len(found) <= 6 * (GROUP_LINES_MAX + 1) + 1
    assert any(line.startswith("  ... and ") for line in found)
    assert any("device tree: handed to the kernel" in line for line in found)
