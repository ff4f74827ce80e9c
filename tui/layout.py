"""Which panel stands where: a pure function from the terminal's size to places."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from tui.frame_drawing import Chrome
from tui.panels import PANELS

Slot = Literal["cpus", "mailbox", "main", "side", "extra", "time", "log", "ribbon"]
SLOTS: Final[tuple[Slot, ...]] = (
    "cpus", "mailbox", "main", "side", "extra", "time", "log", "ribbon",
)  # fmt: skip
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
ROWS_MIN: Final = (8, 10)
"""Rows with their borders of the CPUs at the top and of the timeline at the bottom."""
ROWS_LOW: Final = (7, 6)
"""The same on a stage of fewer than ROOMY rows."""
ROOMY: Final = 30
BARS: Final = 3
"""Rows outside the stage: status, message, keys."""

_LOOKING: Final = tuple(panel.id for panel in PANELS if panel.home == "look")
_LOGS: Final = tuple(panel.id for panel in PANELS if panel.home == "log")
"""A panel that no place below names is a tab among one of these."""
_SEEN_AT_ONCE: Final = ("registers", "memory")
"""Those of `_LOOKING` that have a column of their own where there are three."""


class Strip(Struct, frozen=True):
    """A panel that has rows of the whole width above all others, whatever is zoomed."""

    slot: Slot
    panel: str
    rows: int


STRIPS: Final = (Strip("ribbon", "ribbon", 1),)
"""From the top down: a new one is a line here and a name in SLOTS."""


class Place(Struct, frozen=True):
    """Where one frame stands on the stage, in cells, and the panels it has as tabs."""

    slot: Slot
    panels: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int
    chrome: Chrome = "box"
    edge: bool = False
    """Whether a vertical rule stands at its left; borders need none."""
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
    above, y = [], 0
    for strip in STRIPS:
        above.append(Place(strip.slot, (strip.panel,), 0, y, width, strip.rows, "bare"))
        y += strip.rows
    rest = _below(width, height - y, height + BARS, cpus)
    rest = tuple(_moved(place, rest, moves or {}) for place in rest)
    alone = [place for place in rest if place.slot == zoomed]
    if alone:
        rest = (replace(alone[0], x=0, y=0, width=width, height=height - y, edge=False),)
    rest = tuple(_join(place, rest) for place in rest)
    return (*above, *(replace(place, y=place.y + y) for place in rest))


def _below(width: int, height: int, whole: int, cpus: int) -> tuple[Place, ...]:
    """The places below the strips, in a terminal of `whole` rows."""
    if width >= BROAD_FROM[0] and whole >= BROAD_FROM[1]:
        return _broad(width, height, cpus)
    if width >= WIDE_FROM[0] and whole >= WIDE_FROM[1]:
        return _wide(width, height, cpus)
    if width >= COMPACT_FROM[0] and whole >= COMPACT_FROM[1]:
        return _compact(width, height, cpus)
    return _single(width, height)


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


def _heights(height: int, cpus: int) -> tuple[int, int, int]:
    """Rows of the CPUs, of what stands in the middle, and of the timeline: a row for each CPU,
    if that is no more than a quarter."""
    least = ROWS_MIN if height >= ROOMY else ROWS_LOW
    most = max(height // 4, *least)
    top = min(max(cpus + 3, least[0]), most)
    low = min(max(cpus + 4, least[1]), most)
    return top, height - top - low, low


def _above(width: int, top: int) -> tuple[Place, ...]:
    left = width // 2
    return (
        Place("cpus", ("cpus",), 0, 0, left, top),
        Place("mailbox", ("mailbox", "waits"), left, 0, width - left, top),
    )


def _beneath(width: int, y: int, low: int) -> tuple[Place, ...]:
    """Sentences need more cells than lanes do."""
    left = width * 2 // 5
    return (
        Place("time", ("timeline",), 0, y, left, low),
        Place("log", _LOGS, left, y, width - left, low),
    )


def _wide(width: int, height: int, cpus: int) -> tuple[Place, ...]:
    left = width // 2
    top, middle, low = _heights(height, cpus)
    return (
        *_above(width, top),
        Place("main", ("code",), 0, top, left, middle),
        Place("side", _LOOKING, left, top, width - left, middle),
        *_beneath(width, top + middle, low),
    )


def _broad(width: int, height: int, cpus: int) -> tuple[Place, ...]:
    """Three columns below the CPUs, so that registers, memory and tables are seen at once."""
    top, middle, low = _heights(height, cpus)
    left = width * 2 // 5
    right = (width - left) // 2
    extra = tuple(panel for panel in _LOOKING if panel not in _SEEN_AT_ONCE)
    return (
        *_above(width, top),
        Place("main", ("code",), 0, top, left, middle),
        Place("side", _SEEN_AT_ONCE, left, top, right, middle),
        Place("extra", extra, left + right, top, width - left - right, middle),
        *_beneath(width, top + middle, low),
    )


def _compact(width: int, height: int, cpus: int) -> tuple[Place, ...]:
    left = width * 3 // 5
    top = min(max(cpus + 1, 5), max(height // 4, 5))
    low = 3
    tabs = ("code", *_LOOKING, "timeline", *(name for name in _LOGS if name != "events"))
    return (
        Place("cpus", ("cpus",), 0, 0, left, top, "rule"),
        Place("mailbox", ("mailbox", "waits"), left, 0, width - left, top, "rule", edge=True),
        Place("main", tabs, 0, top, width, height - top - low, "rule"),
        Place("log", ("events",), 0, height - low, width, low, "rule"),
    )


def _single(width: int, height: int) -> tuple[Place, ...]:
    tabs = ("cpus", "code", *_LOOKING, "mailbox", "waits", "timeline", *_LOGS)
    return (Place("main", tabs, 0, 0, width, height, "rule"),)


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
