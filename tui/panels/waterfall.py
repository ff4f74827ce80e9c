"""The waterfall of the profile: a lane for each AP, a block for each step, and quantiles."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from emu.picture.sections import ProfileView
from emu.profile.waterfall_view import IDLE, ApLine, StepName, StepSpread, Waterfall
from tui.panels.base import Spot, moment
from tui.text import Line, Role, Span, line, pad, right

SIGNS: Final[dict[StepName, tuple[str, str, Role]]] = {
    "first": ("░", "f", "warn"), "modes": ("▒", "m", "busy"), "tables": ("▓", "t", "busy"),
    "parked": ("█", "p", "busy"), "command": ("┄", ".", "dim"), "seen": ("░", "s", "warn"),
    "ack": ("▒", "a", "busy"), "vector": ("▓", "v", "busy"), "online": ("█", "o", "good"),
    "rest": ("▁", "_", "dim"),
}  # fmt: skip
"""By step: its block, its letter where a terminal draws none, and its role."""
STRETCHES_MAX: Final = 8
"""Of a common axis; where APs are on their way in more, each lane begins with its own start."""
CPU_CELLS: Final = 7
SINCE_CELLS: Final = 14
"""When somebody asked for it."""
ROOM_FROM_CELLS: Final = 96
TIME_CELLS: Final = 14
CELLS_MIN: Final = 10
_STEP_CELLS: Final = 9
_NS_CELLS: Final = 13
Row = tuple[Line, Spot | None]
Drawn = list[tuple[str, Role]]


def head(view: ProfileView, width: int) -> Line:
    """Over the lanes."""
    how = "by one clock, waiting left out" if by_the_clock(view) else "each from its start"
    since = right("since us", SINCE_CELLS - 1) + " " if width >= ROOM_FROM_CELLS else ""
    names = pad("   cpu ", CPU_CELLS) + since + pad(how, _room(width))
    return line((names + right("us on its way", TIME_CELLS), "dim"))


def _room(width: int) -> int:
    """Cells of a lane."""
    since = SINCE_CELLS if width >= ROOM_FROM_CELLS else 0
    return max(width - CPU_CELLS - since - TIME_CELLS, CELLS_MIN)


def legend(fall: Waterfall, width: int, blocks: bool) -> Line:
    """What the signs stand for."""
    spans: list[Span] = []
    before, behind = ("" if blocks else "=", " ") if width < ROOM_FROM_CELLS else (" ", "  ")
    for step, (block, letter, role) in SIGNS.items():
        if any(one.step == step for one in fall.segments):
            spans += [(block if blocks else letter, role), (f"{before}{step}{behind}", "dim")]
    return line(*spans)


def lane(
    view: ProfileView, fall: Waterfall, index: int, width: int, focus: int, blocks: bool
) -> Row:
    """The lane of one AP; it leads to the beginning of its longest step."""
    ap, cells = fall.aps[index], _room(width)
    drawn = (
        _by_the_clock(ap, view.busy, cells, blocks)
        if by_the_clock(view)
        else _by_itself(ap, view.longest_ns, cells, blocks)
    )
    bar = [*drawn, (" " * (cells - sum(len(one) for one, _ in drawn)), _PLAIN)]
    mark: Span = ("▸ " if ap.cpu == focus else "  ", "here")
    since = f"{_us(ap.steps[0].ns, SINCE_CELLS - 1)} " if ap.steps else "- "
    own = _us(ap.way_ns, TIME_CELLS) if ap.spans else "-"
    return (
        line(mark, (right(str(ap.cpu), CPU_CELLS - 3) + " ", "strong"),
             (right(since, SINCE_CELLS) if width >= ROOM_FROM_CELLS else "", "dim"), *bar,
             (right(own, TIME_CELLS), "number")),
        Spot(0, f"c{ap.cpu}", _slowest(ap)),
    )  # fmt: skip


_PLAIN: Final[Role] = "plain"


def by_the_clock(view: ProfileView) -> bool:
    """Whether all lanes have one axis."""
    return len(view.busy) <= STRETCHES_MAX


def _slowest(ap: ApLine) -> str:
    """To the beginning of its longest step."""
    pairs = [(b.ns - a.ns, a) for a, b in pairwise(ap.steps) if b.step not in IDLE]
    if not pairs:
        return f"cpu {ap.cpu}"
    return moment(max(pairs, key=lambda one: one[0])[1].tick, ap.cpu)


def _sign(step: StepName, blocks: bool) -> tuple[str, Role]:
    block, letter, role = SIGNS[step]
    return (block if blocks else letter), role


def _by_the_clock(
    ap: ApLine, busy: Sequence[tuple[int, int]], cells: int, blocks: bool
) -> Drawn:
    """The cells of an axis on which only stretches have room in which somebody is on his
    way."""
    drawn: Drawn = []
    for number, (begin, end) in enumerate(busy):
        if number:
            step = _at(ap, begin - 1, begin)
            drawn.append((" ", _PLAIN) if step is None else _sign(step, blocks))
        first, last = (_place(busy, one, cells) for one in (number, number + 1))
        count = max(last - first - bool(number), 1)
        for cell in range(count):
            span = (begin + (end - begin) * cell // count,
                    begin + (end - begin) * (cell + 1) // count)  # fmt: skip
            step = _at(ap, *span)
            drawn.append((" ", _PLAIN) if step is None else _sign(step, blocks))
    return drawn[:cells]


def _place(busy: Sequence[tuple[int, int]], number: int, cells: int) -> int:
    """The cell at which a stretch begins."""
    whole = sum(end - begin for begin, end in busy) or 1
    room = max(cells - 2 * len(busy), 0)
    before = sum(end - begin for begin, end in busy[:number])
    return room * before // whole + 2 * number


def _at(ap: ApLine, begin: int, end: int) -> StepName | None:
    """The step that has most of a cell."""
    best: tuple[int, StepName | None] = (-1, None)
    for step, ns, last in ap.spans:
        both = min(end, last) - max(begin, last - ns)
        if both > max(best[0], 0) or (both == 0 and best[1] is None and begin == last - ns):
            best = both, step
    return best[1]


def _by_itself(ap: ApLine, longest: int, cells: int, blocks: bool) -> Drawn:
    """Its steps one behind the other, all lanes at one scale."""
    drawn: Drawn = []
    room = max(cells - 2, 1)
    for step, ns, _ in ap.spans:
        if step == "rest":
            break
        sign, role = _sign(step, blocks)
        count = 1 if step == "command" else ns * room // max(longest, 1)
        drawn += [(sign, role)] * min(count, cells - len(drawn))
    return drawn


def _us(ns: int, cells: int) -> str:
    """Microseconds, as exactly as leaves room between two columns."""
    us = ns / 1e3
    return next((one for one in (f"{us:,.3f}", f"{us:,.0f}") if len(one) < cells), f"{us:.3e}")


def spread_head() -> Line:
    """Over the quantiles."""
    names = "".join(right(name, _NS_CELLS) for name in ("p50 us", "p90", "p99", "max"))
    return line((pad("  step", _STEP_CELLS + 2) + names + "  of cpu", "dim"))


def spread(fall: Waterfall, one: StepSpread) -> Row:
    """The quantiles of a step; the row leads to where the slowest AP begins it."""
    some = one.spread
    numbers = "".join(
        right(_us(ns, _NS_CELLS), _NS_CELLS)
        for ns in (some.p50_ns, some.p90_ns, some.p99_ns, some.max_ns)
    )
    ap = fall.aps[some.max_cpu - 1]
    tick = next(a.tick for a, b in pairwise(ap.steps) if b.step == one.step)
    role = SIGNS[one.step][2]
    return (
        line(("  " + pad(one.step, _STEP_CELLS), role), (numbers, "number"),
             (f"  {some.max_cpu}", "strong")),
        Spot(0, f"s{one.step}", moment(tick, some.max_cpu)),
    )  # fmt: skip
