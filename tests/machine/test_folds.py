"""Folds of a log: where its entries begin to differ, however it is moved back and retraced."""

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.machine import folds
from emu.machine.event import Event
from emu.machine.log import CHUNK
from emu.machine.logs import EventLog, ExitLog
from emu.vmm.asked import Cpuid, Exiting, PortIn, PortOut
from emu.vmm.effects import Effects, SerialOut, SetRegisters

events = st.builds(
    Event, st.just(0), st.just(0), st.integers(0, 1), st.sampled_from(("fault", "state")),
    st.sampled_from(("a", "b")),
)  # fmt: skip


def spans(log: EventLog | ExitLog, now: int) -> list[tuple[int, int]]:
    found = (log.fold(index) for index in range(log.folds(now)))
    return [(first, min(end, now)) for first, end in found]


def grouped(entries: list[Event]) -> list[tuple[int, int]]:
    """What a fold is, said once more: runs of the same CPU, kind and text."""
    found, at = [], 0
    for _, group in groupby(entries, key=lambda one: (one.cpu, one.kind, one.text)):
        found.append((at, at := at + len(list(group))))
    return found


@settings(max_examples=200)
@given(st.lists(events, max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_folds_are_runs_of_equal_events_at_every_moment(
    entries: list[Event], back: int, again: int
) -> None:
    log = EventLog()
    for entry in entries:
        log.append(entry)
    assert spans(log, log.now) == grouped(entries)
    log.now = min(back, len(entries))
    assert spans(log, log.now) == grouped(entries[: log.now])
    other = log.copy()
    other.append(Event(0, 0, 7, "fault", "of another branch"))
    assert spans(other, other.now) == [*grouped(entries[: log.now]), (log.now, log.now + 1)]
    for entry in entries[log.now : again]:
        log.append(entry)
    assert spans(log, log.now) == grouped(entries[: log.now])


def test_a_branch_folds_on_where_all_before_it_is_sealed() -> None:
    log = EventLog()
    for _ in range(4 * CHUNK):
        log.append(Event(0, 0, 0, "fault", "the same"))
    log.now = 2 * CHUNK
    other = log.copy()
    other.append(Event(1, 0, 0, "fault", "the same"))
    assert spans(other, other.now) == [(0, 2 * CHUNK + 1)]


def test_a_fold_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "FOLD_MAX", 3)
    log = EventLog()
    for _ in range(7):
        log.append(Event(0, 0, 0, "fault", "the same"))
    assert spans(log, log.now) == [(0, 3), (3, 6), (6, 7)]


def exits(*entries: tuple[int, Exiting, Effects]) -> list[tuple[int, int]]:
    log = ExitLog()
    for cpu, asked, effects in entries:
        log.note(0, 0, cpu, asked, 0, effects)  # type: ignore[arg-type]
    return spans(log, log.now)


def sends(text: str, cpu: int = 0, port: int = 0x3F8) -> list[tuple[int, Exiting, Effects]]:
    return [(cpu, PortOut(0, port, 1, ord(one)), (SerialOut(port, ord(one)),)) for one in text]


def test_equal_exits_with_another_answer_are_no_fold() -> None:
    one: Effects = (SetRegisters((("rax", 1),)),)
    two: Effects = (SetRegisters((("rax", 2),)),)
    leaf = Cpuid(2, 1, 0)
    assert exits((0, leaf, one), (0, leaf, one), (0, leaf, two), (1, leaf, two)) == [
        (0, 2), (2, 3), (3, 4)
    ]  # fmt: skip


def test_a_line_is_one_fold_up_to_its_end() -> None:
    assert exits(*sends("one\ntwo")) == [(0, 4), (4, 7)]


def test_looks_at_the_line_status_belong_to_the_line() -> None:
    look = (0, PortIn(0, 0x3FD, 1), ())
    first, second = sends("ab")
    assert exits(look, look, first, look, second) == [(0, 5)]


def test_lines_of_two_ports_or_two_cpus_are_two() -> None:
    assert exits(*sends("ab"), *sends("cd", port=0x3E8), *sends("ef", 1, 0x3E8)) == [
        (0, 2), (2, 4), (4, 6)
    ]  # fmt: skip


def test_what_is_written_to_the_divisor_is_no_text() -> None:
    """With DLAB set the data port is the divisor's low byte (National PC16550D): nothing is
    sent."""
    assert exits((0, PortOut(0, 0x3F8, 1, 1), ()), *sends("a")) == [(0, 1), (1, 2)]
