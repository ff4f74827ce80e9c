"""The boot CPU in its APs' code, and an AP in the boot CPU's, as real boots come to it."""

import pytest

from emu import Session, open_session

CASES = (
    ("wake_aps", 1, "kernel_start",
     "was started by another CPU, and enters the OS where it begins"),
    ("wake_aps", 2, "wake_aps", "was started by another CPU, and wakes the others"),
    ("wake_aps", 0, "mailbox_wait", "boots the machine, and waits as an AP does"),
    ("wake_aps", 0, "secondary_start",
     "boots the machine, and comes to where the OS expects its APs"),
)  # fmt: skip


def astray(until: str, cpu: int, place: str) -> Session:
    """A boot in which a CPU goes where it has no business."""
    session = open_session(platform="vbs", cpus=3)
    session.do(f"until {until}")
    board = session.machine.board
    board.cpus[cpu].registers.put("rip", board.layout.symbols.find(place)[0])
    session.do(f"step {cpu} 1")
    return session


@pytest.mark.parametrize(("until", "cpu", "place", "text"), CASES)
def test_who_runs_the_other_s_code_is_told_there(
    until: str, cpu: int, place: str, text: str
) -> None:
    found = [one for one in astray(until, cpu, place).findings() if one.rule == "wrong-code"]
    assert [(one.cpu, one.text) for one in found] == [(cpu, text)]
    assert found[0].where.startswith(place)


def test_an_ap_that_was_not_led_astray_is_not_told() -> None:
    session = astray("wake_aps", 1, "mailbox_wait")
    assert [one for one in session.findings() if one.rule == "wrong-code"] == []
