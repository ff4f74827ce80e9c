"""An injection happens at the moment it names, once, on every way to that moment."""

from io import BytesIO
from pathlib import Path

import pytest

from emu import open_session
from emu.debug import recording
from emu.debug.opening import replay_session
from emu.debug.session import Session
from emu.errors import CommandError

HARMLESS = "stall 1 1us"


def booted(*specs: str, platform: str = "vbs", cpus: int = 3) -> Session:
    session = open_session(platform=platform, cpus=cpus, inject=specs)
    session.do("run")
    return session


def fired(session: Session) -> list[tuple[str, int]]:
    return [(one.spec, one.tick) for one in session.machine.injected.fired]


def ticks(session: Session, text: str) -> list[int]:
    """Where the log of events has a text."""
    events = session.machine.board.logs.events
    return [e.tick for e in events if text in e.text and e.kind != "inject"]


def exits(session: Session, text: str) -> list[int]:
    return [event.tick for event in session.machine.board.logs.exits if text in event.text]


def test_without_a_moment_it_happens_before_the_first_instruction() -> None:
    assert fired(booted(HARMLESS)) == [(HARMLESS, 0)]


def test_a_tick_is_met_exactly() -> None:
    spec = f"{HARMLESS} at tick 12345"
    assert fired(booted(spec)) == [(spec, 12_345)]


def test_a_time_is_met_at_the_end_of_the_slice_that_reaches_it() -> None:
    spec = f"{HARMLESS} at time 500us"
    session = booted(spec)
    (event,) = [event for event in session.machine.board.logs.events if event.kind == "inject"]
    assert 500_000 <= event.virtual_ns < 700_000  # one hypercall takes 120 us


def test_a_time_is_met_even_where_nobody_can_run() -> None:
    session = open_session(platform="none", cpus=2, inject=["nmi 1 at time 90s"])
    session.do("hold 0")
    session.do("run")
    assert [spec for spec, _ in fired(session)] == ["nmi 1 at time 90s"]


@pytest.mark.parametrize("where", ["mailbox_wait", "ap.c:133", "kernel_start"])
def test_a_place_is_met_before_its_instruction(where: str) -> None:
    spec = f"stall 1 1us at {where}"
    session = open_session(platform="vbs", cpus=3)
    session.do(f"until {where}")
    tick, at = session.machine.board.tick, session.do("registers").reply
    assert fired(booted(spec)) == [(spec, tick)]
    assert at


def test_a_place_may_be_one_cpu_s() -> None:
    session = booted("stall 1 1us at mailbox_wait cpu 2")
    at = [
        event.tick
        for event in session.machine.board.logs.events
        if event.cpu == 2 and event.text == "reaches mailbox_wait"
    ]
    assert [tick for _, tick in fired(session)] == at[:1]


@pytest.mark.parametrize("nth", [1, 2])
def test_a_write_to_the_mailbox_may_be_the_nth(nth: int) -> None:
    session = booted(f"{HARMLESS} at mailbox command=wakeup nth {nth}")
    assert [tick for _, tick in fired(session)] == [ticks(session, "command = Wakeup")[nth - 1]]


def test_a_field_alone_means_any_value() -> None:
    session = booted(f"{HARMLESS} at mailbox apic_id")
    assert [tick for _, tick in fired(session)] == ticks(session, "mailbox apic_id")[:1]


def test_an_exit_is_met_before_it_is_answered() -> None:
    session = booted("status . 5 at exit StartVirtual nth 2")
    calls = exits(session, "StartVirtual")
    assert [tick for _, tick in fired(session)] == [calls[1]]
    assert len(calls) > 2  # the shim asks again for the one that was refused


def test_an_event_is_met_by_its_words() -> None:
    session = booted(f"{HARMLESS} at event shim: entering")
    assert [tick for _, tick in fired(session)] == ticks(session, "shim: entering")[:1]


def test_a_moment_that_never_comes_is_told() -> None:
    session = booted(f"{HARMLESS} at mailbox apic_id=77")
    assert fired(session) == []
    assert [one.spec for one in session.machine.injected.armed] == [
        f"{HARMLESS} at mailbox apic_id=77"
    ]


def test_what_cannot_be_at_its_moment_is_told_there() -> None:
    session = booted("nmi 2 at shim_main")
    (one,) = session.machine.injected.fired
    assert "cpu 2 does not run" in one.problem
    assert any("cannot be" in event.text for event in session.machine.board.logs.events)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("stall 1 1us at", "needs a moment"),
        ("stall 1 1us at nowhere_known", "no symbol"),
        ("stall 1 1us at tick five", "not a number"),
        ("stall 1 1us at tick 5 cpu 1", "no cpu"),
        ("stall 1 1us at mailbox speed", "the fields are"),
        ("stall 1 1us at mailbox_wait nth 0", "the first time is 1"),
        ("stall 1 1us at mailbox_wait cpu 9", "there is no cpu 9"),
        ("stall 1 1parsec", "is not a number"),
        ("stall 1 5mus", "is no time"),
        ("stall 1 99999s", "is more than"),
        ("stall 1", "stall CPU NS"),
        ("stall 1 1us 7", "stall CPU NS"),
        ("host-write mailbox.colour 1", "no field"),
        ("host-write 0xfffffffff000 1", "no memory"),
        ("interrupt 1 7", "32 to"),
        ("", "needs words"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_and_changes_nothing(
    spec: str, sentence: str
) -> None:
    session = open_session(platform="vbs", cpus=2)
    before = session.digest(), session.timeline.now
    with pytest.raises(CommandError, match=sentence):
        session.do(f"inject {spec}")
    assert (session.digest(), session.timeline.now) == before
    assert session.machine.injected.armed == session.machine.injected.fired == ()


SEVERAL = (
    "stall 2 3us at mailbox_wait cpu 2", "late-stores 0 5us", "never-starts 1",
    "nmi 2 at mailbox command=wakeup", "stall 0 7us at tick 30000",
)  # fmt: skip


def test_what_is_armed_is_there_again_after_going_back() -> None:
    session = booted(*SEVERAL)
    end, told, all_ = session.digest(), fired(session), session.timeline.now
    session.do("goto 30_001")
    assert [spec for spec, _ in fired(session)] == [s for s, t in told if t <= 30_001]
    session.do("goto 0")
    session.do("goto end")
    assert (session.digest(), fired(session), session.timeline.now) == (end, told, all_)


def test_a_reset_breaks_again_what_the_command_line_broke() -> None:
    session = booted(*SEVERAL)
    end = session.digest()
    session.do("reset")
    session.do("run")
    assert session.digest() == end


def test_a_recording_holds_all_injections(tmp_path: Path) -> None:
    session = open_session(platform="vbs", cpus=3, inject=SEVERAL)
    file = BytesIO()
    session.record(file)
    session.do("run")
    assert session.recorder is not None
    session.recorder.end()
    path = tmp_path / "broken.apdbg"
    path.write_bytes(file.getvalue())
    again, said = replay_session(recording.read(path))
    assert said == []
    assert (again.digest(), fired(again)) == (session.digest(), fired(session))
