"""Moments of a timeline by the words that people name them with."""

from emu.errors import CommandError
from emu.given.number import begins_a_number, is_digits, parsed
from emu.machine.event import Event, Milestone
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
        return marks[where].at
    if where.endswith("%") and is_digits(where[:-1].replace(".", "", 1)):
        share = min(float(where[:-1]), 100.0)
        if share == 100.0:
            return timeline.end
        return at_tick(timeline, int(timeline.end.tick * share / 100))
    if where[:1] == "#" and is_digits(where[1:]):
        return _event(timeline, int(where[1:]))
    if begins_a_number(where):
        tick = parsed(where)
        if tick is not None:
            return at_tick(timeline, tick)
    return _milestone(timeline, where)


def whose(timeline: Timeline, where: str) -> int | None:
    """The CPU that an event, a mark or a milestone belongs to."""
    if where in timeline.branch.marks:
        return timeline.branch.marks[where].cpu
    if where[:1] == "#":
        return timeline.branch.logs.events.known[int(where[1:]) - 1].cpu
    found = _reached(timeline, where)
    return None if found is None else found.cpu


def _event(timeline: Timeline, number: int) -> Moment:
    events = timeline.branch.logs.events.known
    if not 1 <= number <= len(events):
        raise CommandError(f"goto: #{number}: the events are #1 to #{len(events)}")
    return at_tick(timeline, events[number - 1].tick)


def _milestone(timeline: Timeline, where: str) -> Moment:
    found = _reached(timeline, where)
    if found is None:
        raise CommandError(
            f"{where}: no tick, percentage, mark or event, and no CPU has reached a milestone "
            "of that name"
        )
    return at_tick(timeline, found.tick)


def _reached(timeline: Timeline, where: str) -> Event | None:
    """The first time that a CPU reached a milestone: one of that name, else of that role."""
    by_role = None
    for event in timeline.branch.logs.events.known:
        if isinstance(event.detail, Milestone):
            if event.detail.name == where:
                return event
            if by_role is None and where in event.detail.roles:
                by_role = event
    return by_role
