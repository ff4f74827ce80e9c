"""`finish`, `reverse-finish` and `next` go by the frame, not by the address alone."""

import pytest

from emu import Session, open_session
from emu.errors import CommandError
from emu.picture.stop import AtBreakpoint, BootEnded, LeftFunction, Paused
from emu.timeline.driver import Driver
from tests.guest import boot, label
from tests.unwind.shadow import Shadow

RECURSIVE = """
start:
    mov ecx, 4
    call down
done:
    hlt
down:
    push rcx
    dec ecx
    jz bottom
    call down
again:
    nop
bottom:
    pop rcx
    ret
"""
ENDLESS = "start:\n call work\n hlt\nwork:\n push rax\nlap:\n inc rbx\n jmp lap"


def rip(session: Session) -> int:
    return session.registers()["rip"]


def at(session: Session, name: str) -> int:
    return label(session.machine.board, name)


def test_finish_in_a_recursion_stops_where_this_call_returns() -> None:
    session = boot(RECURSIVE)
    session.do("until down")
    rsp = session.registers()["rsp"]
    view = session.do("finish")
    assert rip(session) == at(session, "done")
    assert session.registers()["rsp"] == rsp + 8
    assert [type(stop) for stop in view.stop] == [LeftFunction]
    assert view.stop[0].text == "cpu 0 returned from down to done"


def test_finish_deep_in_a_recursion_goes_up_by_one() -> None:
    session = boot(RECURSIVE)
    depths = []
    for _ in range(3):
        session.do("until down")
    for _ in range(3):
        depths.append(session.registers()["rsp"])
        session.do("finish")
    assert rip(session) == at(session, "done")
    assert depths == sorted(depths)
    assert len(set(depths)) == 3


def test_next_over_a_call_of_itself_comes_back_at_this_depth() -> None:
    session = boot(RECURSIVE)
    session.do("until down")
    rsp = session.registers()["rsp"]
    session.do("next 4")
    assert rip(session) == at(session, "again")
    assert session.registers()["rsp"] == rsp - 8


def test_reverse_finish_goes_to_the_call_of_this_depth() -> None:
    session = boot(RECURSIVE)
    session.do("until bottom")
    rsp = session.registers()["rsp"]
    for up in range(1, 4):
        session.do("reverse-finish")
        assert session.registers()["rsp"] == rsp + 8 + 16 * up - 8
        assert session.registers()["rcx"] == up
    session.do("reverse-finish")
    assert rip(session) == at(session, "done") - 5
    with pytest.raises(CommandError, match="in no function that was called"):
        session.do("reverse-finish")


def test_finish_where_nobody_called_is_refused_and_nothing_moves() -> None:
    session = boot(RECURSIVE)
    before = session.digest()
    with pytest.raises(CommandError, match="nobody is known to have called start on cpu 0"):
        session.do("finish")
    assert session.digest() == before


def test_finish_of_a_function_that_never_returns_can_be_stopped() -> None:
    session = boot(ENDLESS)
    session.do("until lap")
    session.begin("finish")
    assert session.pump(0.0)
    session.pause()
    assert session.stop == (Paused(None),)
    assert not session.running


def test_what_else_ends_it_is_said_with_the_function() -> None:
    session = boot(RECURSIVE)
    session.do("until down")
    session.do("break bottom")
    view = session.do("finish")
    assert isinstance(view.stop[0], AtBreakpoint)
    assert view.reply == ("cpu 0 has not returned from down",)
    session = boot("start:\n call work\n hlt\nwork:\n push rax\nfall:\n ud2")
    session.do("until work")
    view = session.do("finish")
    assert view.reply[0].startswith("cpu 0 has not returned from work, it is shutdown: ")


def test_at_the_end_of_a_boot_too() -> None:
    session = open_session(platform="none", cpus=2)
    session.do("until kernel_main")
    view = session.do("finish")
    assert isinstance(view.stop[0], BootEnded)
    assert view.reply == ("cpu 0 has not returned from kernel_main",)


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_there_and_back_is_the_same_moment(platform: str) -> None:
    """Finish comes behind the call that reverse-finish stops before."""
    session = open_session(platform=platform, cpus=2)
    session.do("until wake_cpu")
    tick = session.machine.board.tick
    session.do("finish")
    session.do("reverse-step")
    session.do("reverse-finish")
    session.do("step")
    assert session.machine.board.tick == tick
    assert rip(session) == at(session, "wake_cpu")


def test_finish_in_the_past_follows_what_is_known() -> None:
    session = open_session(platform="none", cpus=2)
    session.do("run")
    digest, tick = session.digest(), session.machine.board.tick
    session.do("goto 0")
    session.do("until read_host_tree")
    session.do("finish")
    assert session.registers()["rip"] in {
        place.address for place in session.view().code if place.current
    }
    session.do(f"goto {tick}")
    assert session.digest() == digest


@pytest.mark.parametrize("platform", ["tdx", "sipi"])
def test_finish_comes_to_where_the_record_of_calls_says(platform: str) -> None:
    """The oracle is `tests.unwind.shadow`, a record of every CALL and RET."""
    session = open_session(platform=platform, cpus=2)
    shadow = Shadow(Driver(session.desk.setup.machine()))
    wanted: list[tuple[int, int, tuple[int, int]]] = []
    while shadow.board.tick < 34_000:
        for cpu in shadow.step():
            calls = shadow.calls[cpu.id]
            if shadow.board.tick % 1_511 == 0 and calls:
                wanted.append((shadow.board.tick, cpu.id, calls[-1]))
    assert len(wanted) > 10
    session.do("run 100000")
    for tick, index, (address, rsp) in wanted:
        session.do(f"goto {tick}")
        session.do(f"cpu {index}")
        view = session.do("finish")
        now = session.registers(index)
        assert (now["rip"], now["rsp"]) == (address, rsp), f"{tick}: {view.stop}"
