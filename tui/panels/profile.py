"""Where the time of this boot went: the waterfall, the critical path, and what else is told."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from emu.picture.sections import ProfileView
from emu.picture.view import MachineView
from emu.profile.critical_view import GROUPS, CriticalPath, PathPart, length_of, sums
from emu.profile.waterfall_view import Waterfall
from tui.panels import waterfall
from tui.panels.base import (
    Page,
    Panel,
    Spot,
    Window,
    joined,
    moment,
    notice,
    span_words,
    top_of,
)
from tui.panels.empty import teaching
from tui.panels.waterfall import Row
from tui.text import Line, line, pad, right, wrapped

MANY: Final = 16
"""Beyond so many APs the quantiles stand before the lanes."""
SHARES_MAX: Final = 6
_SEEN: Final = ("function", "line")
_BAR_CELLS: Final = 10
_US_CELLS: Final = 14
_HANGING: Final = 4
"""Further in than a sentence is where it goes on."""
_WHY: Final = "Nothing has been profiled here yet."
_TEACHES: Final = (
    "Where the time of the boot went comes here: each AP from the call for it to its last "
    "work, and what the whole boot waited for. `:profile` makes it of all that is logged up to "
    "this moment; `o` turns to the next section."
)


class _Rows:
    """All rows of a section, of which only those in sight are made."""

    def __init__(self, view: ProfileView, window: Window, focus: int) -> None:
        self._view, self._window, self._focus = view, window, focus
        self._text = _folded(view.rows, max(window.width - 2, 1))
        self._behind = () if view.waterfall is None else view.waterfall.behind

    def head(self) -> tuple[Line, ...]:
        """What does not scroll."""
        fall = self._view.waterfall
        if fall is not None and fall.segments:
            window = self._window
            return waterfall.legend(fall, window.width, window.blocks), waterfall.head(
                self._view, window.width
            )
        path = self._view.path
        return () if path is None else (_path_head(path, len(self._view.stays)),)

    def __len__(self) -> int:
        view = self._view
        if view.waterfall is not None:
            lanes = len(view.waterfall.aps) + len(self._behind)
            return lanes + len(view.waterfall.segments) + 1
        if view.path is not None:
            return len(_share_rows(view.path, self._window)) + 1 + len(view.stays)
        return len(self._text)

    def shown(self, some: range) -> Iterator[Row]:
        """Some of them."""
        view = self._view
        if view.waterfall is not None:
            yield from self._fall(view.waterfall, some)
        elif view.path is not None:
            yield from self._path(view.path, some)
        else:
            yield from ((self._text[at], None) for at in some)

    def _fall(self, fall: Waterfall, some: range) -> Iterator[Row]:
        spread = len(fall.segments) + 1
        first = spread if len(fall.aps) > MANY else 0
        """The row of the first lane."""
        window, lanes = self._window, len(fall.aps)
        for at in some:
            lane = at - first
            if 0 <= lane < lanes:
                yield waterfall.lane(
                    self._view, fall, lane, window.width, self._focus, window.blocks
                )
                continue
            if 0 <= lane - lanes < len(self._behind):
                yield line(("  " + self._behind[lane - lanes], "bad")), None
                continue
            row = at if first else at - lanes - len(self._behind)
            if not row:
                yield waterfall.spread_head(), None
            else:
                yield waterfall.spread(fall, fall.segments[row - 1])

    def _path(self, path: CriticalPath, some: range) -> Iterator[Row]:
        shares = _share_rows(path, self._window)
        for at in some:
            stay = at - len(shares) - 1
            if at < len(shares):
                yield shares[at], None
            elif stay < 0:
                yield line(("  the way, from CPU to CPU", "dim")), None
            else:
                yield _stay(path, self._view.stays[stay], self._focus)


@lru_cache(maxsize=4)
def _folded(rows: tuple[str, ...], width: int) -> tuple[Line, ...]:
    """Sentences that are too long go on below, further in; rows of a table, whose columns stand
    apart, stay what they are."""
    return tuple(row for one in rows for row in _rows_of(one, width))


def _rows_of(text: str, width: int) -> Sequence[Line]:
    whole = line((text, "plain"))
    if len(text) <= width or "  " in text.strip():
        return (whole,)
    return wrapped(whole, width, len(text) - len(text.lstrip()) + _HANGING)


def _path_head(path: CriticalPath, stays: int) -> Line:
    return line(
        ("  " + path.ends, "plain"), (f", {path.whole_ps / 1e6:,.3f} us from power-on: ",
         "dim"), (f"{stays:,} stays", "strong"),
    )  # fmt: skip


def _share_rows(path: CriticalPath, window: Window) -> list[Line]:
    """What each CPU, phase, ... has of it."""
    rows: list[Line] = []
    for by in GROUPS:
        seen = "" if path.exact or by not in _SEEN else ", where logs saw it last"
        rows.append(line((f"  by {GROUPS[by]}{seen}", "dim")))
        rows += [
            _share(path, f"{'cpu ' * (by == 'cpu')}{one.what}", one.ps, window)
            for one in path.shares[by][:SHARES_MAX]
        ]
    return rows


def _share(path: CriticalPath, what: str, ps: int, window: Window) -> Line:
    of = path.whole_ps or 1
    cells = -(-ps * _BAR_CELLS // of)
    sign = "█" if window.blocks else "#"
    room = max(window.width - _BAR_CELLS - _US_CELLS - 14, 10)
    return line(
        (f"    {sign * cells:{_BAR_CELLS}} ", "busy"),
        (right(f"{100 * ps / of:.1f}", 5), "strong"),
        (" %", "dim"), (right(f"{ps / 1e6:,.3f}", _US_CELLS) + "  ", "number"),
        (what[:room], "name"),
    )  # fmt: skip


def _stay(path: CriticalPath, some: Sequence[PathPart], focus: int) -> Row:
    first = some[0]
    share = 100 * length_of(some) / (path.whole_ps or 1)
    phases = " ".join(dict.fromkeys(one.phase for one in some))
    return (
        line(
            ("▸ " if first.cpu == focus else "  ", "here"),
            (right(f"{first.begin_ps / 1e6:,.3f}", _US_CELLS) + "  ", "dim"),
            (pad(f"cpu {first.cpu}", 9), "strong"),
            (right(f"{length_of(some) / 1e6:,.3f}", _US_CELLS) + " ", "number"),
            (right(f"{share:.1f}", 5) + " %  ", "strong"),
            (f"{phases}: {sums(some, 'why')[0].what}", "plain"),
        ),
        Spot(0, f"p{first.begin_ps}", moment(first.tick, first.cpu)),
    )


def render(view: MachineView, window: Window) -> Page:
    """The section that is looked at; only rows in sight are made."""
    found = view.sections.profile
    if found is None:
        return notice("", window)
    if found.tick is None:
        return teaching(_WHY, _TEACHES, window, found.section)
    rows = _Rows(found, window, view.focus)
    if found.waterfall is not None and not found.waterfall.aps:
        return notice("There is one CPU: nobody is brought up.", window, found.section)
    head = rows.head()[: max(window.height - 1, 0)]
    count, height = len(rows), max(window.height - len(head), 0)
    top = top_of(window, height, count)
    shown = tuple(rows.shown(range(top, min(top + height, count))))
    return Page(
        lines=(*head, *(styled for styled, _ in shown)),
        detail=joined(_title(found), span_words(top, height, count)),
        top=top, rows=height, total=count, anchor=(top, 0),
        spots=tuple(
            replace(spot, row=len(head) + row)
            for row, (_, spot) in enumerate(shown) if spot is not None
        ),
    )  # fmt: skip


def _title(found: ProfileView) -> str:
    if found.now:
        return found.section
    return f"{found.section} of tick {found.tick:,}"


def _other(view: MachineView) -> str:
    """The next section that needs the logs alone."""
    found = view.sections.profile
    if found is None:
        return "profile"
    at = found.names.index(found.section)
    return f"profile {found.names[(at + 1) % len(found.names)]}"


PANEL = Panel(
    "profile", "Profile", render, live=False, needs="profile", words=("profile",),
    short="Prof", other=_other,
)  # fmt: skip
