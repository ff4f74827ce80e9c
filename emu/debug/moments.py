"""Moments of a timeline by the words that people name them with."""

from emu.errors import CommandError
from emu.timeline.moment import START, Moment
from emu.timeline.timeline import Timeline


def at_tick(timeline: Timeline, tick: int) -> Moment:
    """The state at a tick with all that was entered there."""
    return Moment(tick, 0, sum(entry.tick <= tick for entry in timeline.branch.entries))


def find(timeline: Timeline, where: str) -> Moment:
    """The moment that a text names; raises CommandError for one that nothing knows. A tick
    beyond the known end is given as it is."""
    marks = timeline.branch.marks
    if where in ("start", "now", "end"):
        return {"start": START, "now": timeline.now, "end": timeline.end}[where]
    if where in marks:
        return marks[where]
    if where.endswith("%") and where[:-1].replace(".", "", 1).isdigit():
        share = min(float(where[:-1]), 100.0)
        if share == 100.0:
            return timeline.end
        return at_tick(timeline, int(timeline.end.tick * share / 100))
    if where[:1] == "#" and where[1:].isdigit():
        return _event(timeline, int(where[1:]))
    if where[:1].isdigit():
        try:
            return at_tick(timeline, int(where.replace(",", "_"), 0))
        except ValueError:
            pass
    return _milestone(timeline, where)


def whose(timeline: Timeline, where: str) -> int | None:
    """The CPU that an event or a milestone belongs to."""
    events = timeline.branch.logs.events.known
    if where[:1] == "#":
        return events[int(where[1:]) - 1].cpu
    named = (event for event in events if event.text == f"reaches {where}")
    return next((event.cpu for event in named if event.kind == "milestone"), None)


def _event(timeline: Timeline, number: int) -> Moment:
    events = timeline.branch.logs.events.known
    if not 1 <= number <= len(events):
        raise CommandError(f"goto: #{number}: the events are #1 to #{len(events)}")
    return at_tick(timeline, events[number - 1].tick)


def _milestone(timeline: Timeline, where: str) -> Moment:
    for event in timeline.branch.logs.events.known:
        if event.kind == "milestone" and event.text == f"reaches {where}":
            return at_tick(timeline, event.tick)
    raise CommandError(
        f"{where}: no tick, percentage, mark or event, and no CPU has reached a milestone of "
        "that name"
    )
