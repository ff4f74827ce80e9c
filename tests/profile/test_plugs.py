"""CPUs that went and came: how long each took is what the log has between two of its lines."""

from emu import Session
from emu.debug.profiling import profile_of
from emu.profile.plugs import Plugs
from emu.profile.profile import chosen
from tests.guest import boot
from tests.injections.test_plug import staying, told


def plugs(session: Session) -> Plugs:
    found = profile_of(session.desk, chosen(["plugs"])).sections["plugs"]
    assert isinstance(found, Plugs)
    return found


def ns_at(session: Session, text: str, nth: int = -1) -> int:
    """When the log says so, the last time or the n-th."""
    events = session.machine.board.logs.events
    return [one.virtual_ns for one in events if text in one.text][nth]


def test_where_no_cpu_went_or_came_it_says_so() -> None:
    session = boot("start: nop\n hlt", cpus=2)
    session.do("run")
    assert plugs(session).lines() == ("no CPU went or came while the guest ran",)


def test_each_takes_what_the_log_says() -> None:
    session = staying("sipi", 4)
    for cpu in (2, 3):
        session.do(f"inject unplug {cpu}")
        session.do("run")
        session.do(f"inject plug {cpu}")
        session.do("run")
    found = plugs(session)
    assert [(one.cpu, one.comes) for one in found.turns] == [
        (2, False), (2, True), (3, False), (3, True),
    ]  # fmt: skip
    gone = ns_at(session, "ejects cpu 3") - ns_at(session, "is told of cpu 3", 0)
    there = ns_at(session, "is plugged in")
    assert found.turns[2].ejected_ns == gone
    assert found.turns[3].online_ns == ns_at(session, "reaches secondary_online") - there
    assert found.turns[3].ack_ns == ns_at(session, "command = Noop (was Wakeup)") - there
    assert found.away is not None and found.away.count == 2
    assert found.turns[2].tick in told(session, "is told of cpu 3")


def test_what_has_not_come_yet_is_a_dash() -> None:
    session = staying("sipi", 4)
    session.do("inject unplug 2")
    found = plugs(session)
    (one,) = found.turns
    assert one.ejected_ns is None and found.away is None
    assert found.lines()[-1].split()[-4:] == ["-", "-", "-", "-"]
