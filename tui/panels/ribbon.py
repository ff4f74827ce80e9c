"""The boot on one line: its phases from left to right, and the APs on their way."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.picture.ribbon import PhaseState, PhaseStretch, ribbon
from emu.picture.view import MachineView
from emu.words.spans import spans
from tui.panels.base import Page, Panel, Spot, Window, moment
from tui.panels.status import FOUND_CELLS, FOUND_FROM_CELLS, found
from tui.text import Role, Span, line, plain

SHORT: Final = {
    "hypercalls": "hyp", "memory": "mem", "tables": "tbl", "start APs": "APs",
    "parked": "park", "kernel": "kern", "wake-up": "wake",
}  # fmt: skip
"""Names where there is little room."""
MARKS: Final[dict[PhaseState, str]] = {
    "done": " ", "here": "▸", "begun": " ", "ahead": " ", "failed": "✗",
}  # fmt: skip
"""In the cell before a name, so that colour says nothing alone."""
_ROLES: Final[dict[PhaseState, Role]] = {
    "done": "good", "here": "here", "begun": "strong", "ahead": "dim", "failed": "bad",
}  # fmt: skip
HEAVY: Final = "━"
LIGHT: Final = "─"
DOT: Final = "●"
CARRIES_MIN: Final = 3
"""Cells of a line with APs on it, at the least: one, and the line around it."""
CARRIED: Final = 7
"""Cells that three APs take with their numbers."""
LINK_MAX: Final = 14
"""A longer line tells no more."""
NAMED_MAX: Final = 12
"""More APs are counted, and not named."""
_BEHIND: Final = ("done", "begun")
_DONE: Final[Role] = "good"
_AHEAD: Final[Role] = "dim"


class Measure(Struct, frozen=True):
    """How the line is laid out; it depends on the window, the phases and the number of CPUs
    alone, so that nothing moves but what is drawn in it."""

    names: tuple[str, ...]
    gap: int
    """Cells behind a name; the one before it has its mark."""
    links: tuple[int, ...]
    """Cells of the line behind each phase, in which its APs stand."""

    @property
    def cells(self) -> int:
        """How wide the whole line is: no air stands behind a last name without a line."""
        names = sum(map(len, self.names)) + len(self.names) * (1 + self.gap)
        return names + sum(self.links) - (0 if self.links[-1] else self.gap)


def in_sight(
    stretches: Sequence[PhaseStretch], most: int, width: int
) -> Sequence[PhaseStretch]:
    """The phases that there is room for, in the shortest way to write them: those around the
    one that the boot is at."""
    found = list(stretches)
    while len(found) > 1 and measure(found, most, width).cells > width:
        behind = next((at for at, one in enumerate(found) if one.how not in _BEHIND), 0)
        del found[0 if behind > 1 else -1]
    return found


def measure(stretches: Sequence[PhaseStretch], most: int, width: int) -> Measure:
    """The widest way to write the phases that fits; `most`: how many APs there are."""
    long = tuple(one.name for one in stretches)
    short = tuple(SHORT.get(one.name, one.name) for one in stretches)
    told, tight = len(f"{most:,}"), len(str(most))
    ways = ((long, 1, max(told, CARRIES_MIN)), (short, 1, max(told, CARRIES_MIN)),
            (short, 0, tight))  # fmt: skip
    for names, gap, least in ways:
        shape = Measure(names, gap, _links(stretches, least))
        if shape.cells <= width:
            break
    return replace(shape, links=_spread(stretches, shape.links, width - shape.cells))


def _links(stretches: Sequence[PhaseStretch], least: int) -> tuple[int, ...]:
    """The shortest lines; behind the last phase there is one only if APs stand there."""
    last = len(stretches) - 1
    return tuple(least if one.carries else int(at < last) for at, one in enumerate(stretches))


def _spread(
    stretches: Sequence[PhaseStretch], links: Sequence[int], spare: int
) -> tuple[int, ...]:
    """The lines with the cells that are left, more of them where APs can be."""
    found = list(links)
    for carries, most in ((True, CARRIED), (False, CARRIES_MIN), (True, LINK_MAX)):
        some = [at for at, one in enumerate(stretches) if one.carries == carries and found[at]]
        each = max(spare, 0) // len(some) if some else 0
        for at in some:
            more = max(min(each, most - found[at]), 0)
            found[at] += more
            spare -= more
    return tuple(found)


def _travellers(one: PhaseStretch, cells: int) -> str:
    """Who is in a phase: their numbers, a dot for each, or how many they are."""
    count = len(one.aps)
    if not count:
        return ""
    names = () if count > NAMED_MAX else (f"{DOT}{spans(one.aps).replace(' ', '')}",)
    ways = (*names, DOT * count, f"{DOT}{count:,}", f"{count:,}")
    return next((text for text in ways if len(text) <= cells), str(count))


def _link(one: PhaseStretch, cells: int) -> list[Span]:
    """The line behind a phase, with the APs that are in it."""
    come = one.how == "done" or (one.how != "ahead" and bool(one.aps))
    rule, look = (HEAVY, _DONE) if come else (LIGHT, _AHEAD)
    text = _travellers(one, cells)
    before = (cells - len(text)) // 2
    role: Role = "bad" if one.unwell else "good" if one.name == "online" else "busy"
    return [
        (rule * before, look), (text, role), (rule * (cells - len(text) - before), look),
    ]  # fmt: skip


def _spot(one: PhaseStretch, start: int, end: int) -> Spot:
    """A phase leads to the first moment of it, or of what failed there."""
    go = "" if one.tick is None else moment(one.tick, one.cpu)
    why = f"{one.name}: nobody has come there yet; c runs on" if one.tick is None else ""
    return Spot(0, one.name, go, about=one.name, why=why, start=start, end=end)


def render(view: MachineView, window: Window) -> Page:
    """One line, always: words are shortened first, then air goes."""
    told = found(view) if window.width >= FOUND_FROM_CELLS else ()
    room = window.width - (FOUND_CELLS if window.width >= FOUND_FROM_CELLS else 0)
    most = len(view.cpus) - 1
    if not view.phases:
        return Page(((),))
    stretches = in_sight(ribbon(view), most, room)
    shape = measure(stretches, most, room)
    written: list[Span] = []
    spots: list[Spot] = []
    column = 0
    for one, name, cells in zip(stretches, shape.names, shape.links, strict=True):
        role, gap = _ROLES[one.how], " " * shape.gap
        spots.append(_spot(one, column, column + 1 + len(name)))
        written += [(MARKS[one.how] + name, role), (gap if cells else "", "plain")]
        written += _link(one, cells)
        column = sum(len(text) for text, _ in written)
    air = max(window.width - column - len(plain(told)), 0)
    here = next((one.name for one in stretches if one.how == "here"), stretches[-1].name)
    text = line(*written, " " * air, *told)
    return Page((text,), spots=tuple(spots), current=here)


PANEL = Panel("ribbon", "Boot", render, home="own")
