"""A picture is of its moment: each part is made when it is read, or never."""

import pytest
from msgspec.structs import fields

from emu import open_session
from emu.picture.picture import MovedOnError
from emu.picture.view import MachineView

PARTS = (
    "virtual_ns", "cpus", "registers", "code", "mailbox", "sections", "exit_counts", "entries",
    "serial", "breakpoints", "findings", "timeline",
)  # fmt: skip


ORDERS = ("step", "goto 3", "set cpu0:rax=1", "break shim_main", "cpu 1")


def test_a_command_draws_nothing_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_session(platform="none", cpus=1)
    drawn: list[str] = []
    crowd = session.desk.drawn.crowd
    views = crowd.views
    monkeypatch.setattr(
        crowd,
        "views",
        lambda course, words, over: drawn.append("cpus") or views(course, words, over=over),
    )
    view = session.do("step 0 5")
    assert (view.tick, drawn) == (5, [])
    assert view.cpus[0].ticks == 5 and view.cpus[0].ticks == 5
    assert drawn == ["cpus"], "a part is made once"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_was_not_read_in_time_is_refused(part: str) -> None:
    session = open_session(platform="vbs", cpus=2)
    read, unread = session.do("step 0 5"), session.view()
    before = getattr(read, part)
    session.do("step 0 1")
    with pytest.raises(MovedOnError, match="a picture of tick 5"):
        getattr(unread, part)
    assert getattr(read, part) is before
    assert unread.tick == 5 and unread.stop[0].text == "cpu 0 stepped"


@pytest.mark.parametrize("order", ORDERS)
def test_whatever_is_asked_next_makes_a_picture_old(order: str) -> None:
    session = open_session(platform="vbs", cpus=2)
    view = session.do("step 0 5")
    session.do(order)
    with pytest.raises(MovedOnError):
        _ = view.breakpoints


def test_a_machine_that_moves_without_a_command_makes_a_picture_old() -> None:
    session = open_session(platform="vbs", cpus=2)
    view = session.do("step 0 5")
    session.machine.steps(session.machine.board.cpus[0])
    with pytest.raises(MovedOnError):
        _ = view.cpus


def test_the_whole_picture_lasts() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("until kernel_start")
    whole = session.view().whole()
    again = session.picture()
    session.do("run 500")
    assert isinstance(whole, MachineView)
    for one in fields(MachineView):
        assert getattr(whole, one.name) == getattr(again, one.name)
    session.do("reverse-step any 500")
    assert [one.value for one in session.view().registers] == [
        one.value for one in whole.registers
    ]


def test_the_door_gives_registers_memory_and_cpus_of_any_cpu() -> None:
    session = open_session(platform="vbs", cpus=3)
    session.do("until kernel_start")
    rip = session.machine.board.cpus[0].registers.rip
    assert session.registers()["rip"] == session.registers(0)["rip"] == rip
    assert [cpu.id for cpu in session.cpus()] == [0, 1, 2]
    code = session.machine.board.code_bytes(session.machine.board.cpus[0])
    assert bytes(b or 0 for b in session.memory("rip", len(code))) == code
    assert session.memory("0x7fffffff0000", 2) == (None, None)
    assert session.memory(f"gpa:{session.machine.board.mailbox_gpa:#x}", 2, 1) == (0, 0)
