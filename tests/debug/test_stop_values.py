"""A stop says by its fields what stopped the machine; nobody needs to read its sentence."""

from emu import open_session
from emu.picture.stop import (
    AtBreakpoint,
    AtPlace,
    BootEnded,
    CaughtEvent,
    CaughtRegister,
    Entered,
    LimitReached,
    Stepped,
    Travelled,
    Watched,
)


def test_a_breakpoint_stops_with_number_address_and_cpu() -> None:
    session = open_session(platform="vbs", cpus=3)
    session.do("break mailbox_wait")
    session.do("break mailbox_ack cpu 2")
    session.do("delete 1")
    (stop,) = session.do("run").stop
    address = session.machine.board.linear_rip(session.machine.board.cpus[2])
    assert stop == AtBreakpoint(2, 2, address, "mailbox_ack")
    assert stop.text == "cpu 2: break 2 at mailbox_ack"


def test_a_condition_that_cannot_be_evaluated_is_the_stop_s_doubt() -> None:
    session = open_session(platform="none", cpus=1)
    session.do("break kernel_start if [0x123456789000] == 1")
    (stop,) = session.do("run").stop
    assert isinstance(stop, AtBreakpoint)
    assert "nothing mapped" in stop.doubt


def test_a_watchpoint_stops_with_place_access_and_doer() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("watch mailbox.command")
    (stop,) = session.do("run").stop
    assert isinstance(stop, Watched)
    assert (stop.number, stop.place, stop.access) == (1, "mailbox.command", "write")
    assert (stop.before, stop.after, stop.cpu) == (0, 1, 0)
    assert stop.by.cpu == 0 and stop.by.place and stop.by.line
    (back,) = session.do("reverse-run").stop
    assert back == stop


def test_caught_events_and_registers_say_which() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("catch hypercall")
    (stop,) = session.do("run").stop
    assert isinstance(stop, CaughtEvent)
    assert (stop.number, stop.what) == (1, "hypercall")
    assert stop.tick in (session.machine.board.tick - 1, session.machine.board.tick)
    assert stop.said.startswith("hypercall ")
    session.do("delete 1")
    session.do("catch cr3")
    (changed,) = session.do("run").stop
    assert isinstance(changed, CaughtRegister)
    cpu = session.machine.board.cpus[changed.cpu or 0]
    assert (changed.register, changed.after) == ("cr3", cpu.registers.get("cr3"))


def test_all_other_stops_are_values_too() -> None:
    session = open_session(platform="none", cpus=2)
    assert session.do("step 0 3").stop == (Stepped(0),)
    assert session.do("run 10").stop == (LimitReached(None),)
    assert session.do("set cpu0:rax=5").stop == (Entered(None, "set cpu0:rax=0x5"),)
    session.do("reset")
    (there,) = session.do("until kernel_start").stop
    assert there == AtPlace(0, session.machine.board.cpus[0].registers.rip, "kernel_start")
    (ended,) = session.do("run").stop
    assert isinstance(ended, BootEnded) and ended.outcome == "booted"
    assert session.do("goto 5").stop == (Travelled(None, 5),)
    (named,) = session.do("goto kernel_start").stop
    assert named == Travelled(0, session.machine.board.tick, "tick", "kernel_start")
