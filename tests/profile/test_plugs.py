"""CPUs that went and came: how long each took is what the log has between two of its lines."""

import pytest

from emu import Session
from emu.debug.profiling import profile_of
from emu.profile.course import Courses
from emu.profile.plugs import Plugs
from emu.profile.profile import chosen
from tests.guest import boot
from tests.injections.test_plug import staying, told
from tests.profile.test_course import whole


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


@pytest.mark.parametrize("platform", ["tdx", "sipi", "vbs"])
def test_a_cpu_that_comes_for_the_first_time_is_counted_by_itself(platform: str) -> None:
    session = staying(platform, 4, cpus=2, possible=4)
    for text in ("plug 3", "unplug 1", "plug 1", "plug 2"):
        session.do(f"inject {text}")
        session.do("run")
    found = plugs(session)
    assert [(one.cpu, one.comes, one.first) for one in found.turns] == [
        (3, True, True), (1, False, False), (1, True, False), (2, True, True),
    ]  # fmt: skip
    assert found.new is not None and found.back is not None and found.away is not None
    assert (found.new.count, found.back.count, found.away.count) == (2, 1, 1)
    there, online = (
        ns_at(session, "is plugged in", 0),
        ns_at(session, "reaches secondary_online"),
    )
    assert found.turns[-1].online_ns == online - ns_at(session, "is plugged in")
    assert there > ns_at(session, "CPUs may come and go"), "it begins when it is there"
    whole(Courses(session.machine))


def test_a_new_cpu_of_a_td_takes_the_price_of_a_start_until_its_first_instruction() -> None:
    session = staying("tdx", 1, cpus=2, possible=3)
    session.do("inject plug 2")
    board = session.machine.board
    begins = [one for one in board.logs.woken if one.cpu == 2][-1]
    assert begins.to_ps - begins.from_ps == board.platform.costs.start_vp_ns * 1000


def test_what_has_not_come_yet_is_a_dash() -> None:
    session = staying("sipi", 4)
    session.do("inject unplug 2")
    found = plugs(session)
    (one,) = found.turns
    assert one.ejected_ns is None and found.away is None
    assert found.lines()[-1].split()[-4:] == ["-", "-", "-", "-"]
