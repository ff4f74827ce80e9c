"""Which panel stands where: a pure function from the terminal's size to places."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from tui.panels import PANELS

Slot = Literal["cpus", "mailbox", "main", "side", "extra", "time", "log"]
SLOTS: Final[tuple[Slot, ...]] = ("cpus", "mailbox", "main", "side", "extra", "time", "log")
"""In the order in which Tab visits them."""
CLOSED: Final = "closed"
Moves = Mapping[str, str]
"""Panel -> the slot that somebody moved it to, or CLOSED."""

WIDTH_MIN: Final = 40
HEIGHT_MIN: Final = 10
"""A smaller terminal gets a notice instead of panels."""
COMPACT_FROM: Final = (64, 18)
WIDE_FROM: Final = (100, 28)
BROAD_FROM: Final = (140, 34)
"""Width and height of the terminal from which a layout is used."""
TIME_MAX: Final = 8
MIDDLE_MIN: Final = 12
"""Rows of the timeline at most, and of the code above it at least, or it becomes a tab."""
BARS: Final = 3
"""Rows outside the stage: status, message, keys."""

_LOOKING: Final = tuple(panel.id for panel in PANELS if panel.home == "look")
_LOGS: Final = tuple(panel.id for panel in PANELS if panel.home == "log")
"""A panel that no place below names is a tab among one of these."""
_SEEN_AT_ONCE: Final = ("registers", "memory")
"""Those of `_LOOKING` that have a column of their own where there are three."""


class Place(Struct, frozen=True):
    """Where one frame stands on the stage, in cells, and the panels it has as tabs."""

    slot: Slot
    panels: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int
    edge: bool = False
    """Whether a vertical rule stands at its left."""
    joints: tuple[tuple[int, str], ...] = ()
    """Where vertical rules meet its title rule: column and character."""


def fits(width: int, height: int) -> bool:
    """Whether a terminal is large enough for any panel."""
    return width >= WIDTH_MIN and height >= HEIGHT_MIN


def too_small(width: int, height: int) -> str:
    """What a terminal says that is not large enough."""
    return f"apdbg needs {WIDTH_MIN}x{HEIGHT_MIN} cells; here are {width}x{height}. q quits."


def arrange(
    width: int, height: int, cpus: int, zoomed: Slot | None = None, moves: Moves | None = None
) -> tuple[Place, ...]:
    """The places on a stage of this size. They depend on nothing that changes while the machine
    runs, so no row ever moves."""
    whole = height + BARS
    if width >= BROAD_FROM[0] and whole >= BROAD_FROM[1]:
        places = _broad(width, height, cpus)
    elif width >= WIDE_FROM[0] and whole >= WIDE_FROM[1]:
        places = _wide(width, height, cpus)
    elif width >= COMPACT_FROM[0] and whole >= COMPACT_FROM[1]:
        places = _compact(width, height, cpus)
    else:
        places = _single(width, height)
    places = tuple(_moved(place, places, moves or {}) for place in places)
    alone = [place for place in places if place.slot == zoomed]
    if alone:
        places = (Place(alone[0].slot, alone[0].panels, 0, 0, width, height),)
    return tuple(_join(place, places) for place in places)


def _moved(place: Place, places: tuple[Place, ...], moves: Moves) -> Place:
    """The place with the panels that were moved to it and without those that were moved away;
    the last one of a place always stays, and so does one whose new place is not there."""
    slots = {one.slot for one in places}

    def target(panel: str, home: str) -> str:
        wanted = moves.get(panel, home)
        return wanted if wanted in slots or wanted == CLOSED else home

    mine = [panel for panel in place.panels if target(panel, place.slot) == place.slot]
    for other in places:
        if other.slot != place.slot:
            mine += [panel for panel in other.panels if target(panel, other.slot) == place.slot]
    return replace(place, panels=tuple(mine) or place.panels[:1])


def _top(height: int, cpus: int) -> int:
    """Rows of the CPUs: all of them, if that is no more than a quarter."""
    return min(max(cpus + 2, 8), max(height // 4, 8))


def _wide(width: int, height: int, cpus: int) -> tuple[Place, ...]:
    left = width // 2
    top = _top(height, cpus)
    low = max(height // 4, 7)
    time = min(max(cpus, 2) + 3, TIME_MAX)
    middle = height - top - low - time
    log: tuple[str, ...] = _LOGS
    if middle < MIDDLE_MIN:
        middle, time, log = middle + time, 0, ("events", "timeline", *_LOGS[1:])
    places = (
        Place("cpus", ("cpus",), 0, 0, left, top),
        Place("mailbox", ("mailbox", "waits"), left, 0, width - left, top, edge=True),
        Place("main", ("code",), 0, top, left, middle),
        Place("side", _LOOKING, left, top, width - left, middle, edge=True),
        Place("time", ("timeline",), 0, top + middle, width, time),
        Place("log", log, 0, top + middle + time, width, low),
    )
    return tuple(place for place in places if place.height)


def _broad(width: int, height: int, cpus: int) -> tuple[Place, ...]:
    """Three columns below the CPUs, so that registers, memory and tables are seen at once."""
    top = _top(height, cpus)
    low = max(height // 5, 7)
    time = min(max(cpus, 2) + 3, TIME_MAX)
    middle = height - top - low - time
    left = width * 2 // 5
    right = (width - left) // 2
    extra = tuple(panel for panel in _LOOKING if panel not in _SEEN_AT_ONCE)
    return (
        Place("cpus", ("cpus",), 0, 0, width // 2, top),
        Place("mailbox", ("mailbox", "waits"), width // 2, 0, width - width // 2, top, True),
        Place("main", ("code",), 0, top, left, middle),
        Place("side", _SEEN_AT_ONCE, left, top, right, middle, edge=True),
        Place("extra", extra, left + right, top,
              width - left - right, middle, edge=True),
        Place("time", ("timeline",), 0, top + middle, width, time),
        Place("log", _LOGS, 0, top + middle + time, width, low),
    )  # fmt: skip


def _compact(width: int, height: int, cpus: int) -> tuple[Place, ...]:
    left = width * 23 // 40
    top = min(max(cpus + 1, 5), max(height // 4, 5))
    low = 3
    tabs = ("code", *_LOOKING, "timeline", *(name for name in _LOGS if name != "events"))
    return (
        Place("cpus", ("cpus",), 0, 0, left, top),
        Place("mailbox", ("mailbox", "waits"), left, 0, width - left, top, edge=True),
        Place("main", tabs, 0, top, width, height - top - low),
        Place("log", ("events",), 0, height - low, width, low),
    )


def _single(width: int, height: int) -> tuple[Place, ...]:
    tabs = ("cpus", "code", *_LOOKING, "mailbox", "waits", "timeline", *_LOGS)
    return (Place("main", tabs, 0, 0, width, height),)


def _join(place: Place, places: tuple[Place, ...]) -> Place:
    """The place with the characters where vertical rules meet its title rule."""
    joints = []
    for other in places:
        if not other.edge or not place.x <= other.x < place.x + place.width:
            continue
        above, below = other.y + other.height == place.y, other.y == place.y
        mates = [p for p in places if p.edge and p.x == other.x]
        above = above or any(p.y + p.height == place.y for p in mates)
        below = below or any(p.y == place.y for p in mates)
        if above or below:
            joints.append((other.x - place.x, _JOINTS[above, below]))
    return replace(place, joints=tuple(sorted(set(joints))))


_JOINTS: Final = {(True, True): "┼", (True, False): "┴", (False, True): "┬"}
