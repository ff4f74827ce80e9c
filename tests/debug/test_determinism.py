"""The same run is the same to the bit, and looking at it changes nothing."""

import contextlib

import pytest

from emu import Session, open_session
from emu.errors import CommandError

PLATFORMS = ["tdx", "vbs", "sipi"]
LOOKING = (
    "registers", "mailbox", "waits", "walk mailbox_wait", "npt 0xfffff000", "mem gpa:0x8000000",
    "help", "mem mailbox_wait 32",
)  # fmt: skip


def _look_everywhere(session: Session) -> None:
    for cpu in range(len(session.machine.board.cpus)):
        session.view(focus=cpu)
        for words in LOOKING:
            # Not every CPU has started, and not every place is mapped.
            with contextlib.suppress(CommandError):
                session.do(words)
    session.digest()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_two_runs_have_one_digest(platform: str) -> None:
    digests = set()
    for _ in range(2):
        session = open_session(platform=platform, cpus=4)
        session.do("run")
        digests.add(session.digest())
    assert len(digests) == 1


@pytest.mark.breadth
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_run_that_was_stopped_and_inspected_is_the_same_run(platform: str) -> None:
    plain = open_session(platform=platform, cpus=4)
    plain.do("run")
    watched = open_session(platform=platform, cpus=4)
    for place in ("mailbox_wait", "mailbox_ack", "secondary_start", "secondary_online"):
        watched.do(f"break {place}")
    stops = 0
    while watched.view().outcome is None:
        watched.do("run 7000" if stops % 3 else "run")
        _look_everywhere(watched)
        stops += 1
    assert stops > 20
    assert watched.digest() == plain.digest()
    assert watched.machine.board.tick == plain.machine.board.tick
    assert [e.text for e in watched.machine.board.logs.events] == [
        e.text for e in plain.machine.board.logs.events
    ]


def test_a_run_in_short_stretches_is_the_same_run() -> None:
    plain = open_session(cpus=4)
    plain.do("run")
    pieces = open_session(cpus=4)
    pieces.begin("run")
    while pieces.pump(0.0):
        pieces.view()
    assert pieces.digest() == plain.digest()


def test_a_breakpoint_stops_every_cpu_that_reaches_it() -> None:
    session = open_session(platform="vbs", cpus=8)
    session.do("break secondary_start")
    stopped = []
    while (view := session.do("run")).outcome is None:
        stopped.append(view.stop[0].cpu)
    assert sorted(stopped) == sorted([*range(1, 8), 7])  # one is handed back and woken again


def test_a_breakpoint_of_one_cpu_leaves_the_others_alone() -> None:
    session = open_session(cpus=4)
    session.do("break mailbox_ack cpu 2")
    view = session.do("run")
    assert [(stop.cpu, stop.kind) for stop in view.stop] == [(2, "breakpoint")]
    assert session.do("run").outcome == "booted"


def test_reset_starts_the_same_run_again() -> None:
    session = open_session(cpus=2)
    session.do("run")
    first = session.digest()
    session.do("reset")
    assert session.view().tick == 0
    session.do("run")
    assert session.digest() == first
