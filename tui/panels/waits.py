"""Why is it waiting: who waits for which bytes, what they hold, and who could change that."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from emu.judge.verdict import WaitFact
from emu.picture.view import MachineView
from emu.words.spans import spans
from tui.panels.base import Page, Panel, Spot, Window, moment, notice, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Span, clean, line, pieces, wrapped

INDENT = 7
"""Cells by which rows that do not fit on one are moved in."""
_NO_MARK, _NOW, _GAP = "  ", "     now ", "  "
_WHY = "No CPU waits for a byte of memory now."
_TEACHES = (
    "A CPU that goes round in a loop until bytes change comes here: which bytes, what must "
    "hold of them, and who wrote them last. `c` runs the boot; `:until parked` stops when the "
    "first AP waits at its mailbox; `:why 1` tells of one CPU."
)


def _grouped(facts: tuple[WaitFact, ...]) -> list[list[WaitFact]]:
    """CPUs that wait in the same way, together."""
    found: dict[tuple[str, str, str], list[WaitFact]] = {}
    for fact in facts:
        found.setdefault((fact.on, fact.where, fact.now), []).append(fact)
    return list(found.values())


def _writer(view: MachineView, fact: WaitFact) -> str:
    state = ""
    if fact.last_writer is not None:
        state = f", which is {view.cpus[fact.last_writer].state} now"
    return f"{fact.written}{state}"


class _Said(NamedTuple):
    """The words of a group's two lines."""

    name: str
    verb: str
    on: str
    at: str
    now: str
    writer: str


def _said(view: MachineView, group: list[WaitFact]) -> _Said:
    fact, many = group[0], len(group) > 1
    return _Said(
        f"cpus {spans([one.cpu for one in group])}" if many else f"cpu {fact.cpu}",
        " wait for " if many else " waits for ", clean(fact.on), clean(f"  at {fact.where}"),
        clean(fact.now or "-"), clean(_writer(view, fact)),
    )  # fmt: skip


def _height(view: MachineView, group: list[WaitFact], width: int) -> int:
    """How many rows it needs: of a thousand groups few are in sight."""
    said = _said(view, group)
    both = _NO_MARK + "".join(said[:4]), _NOW + said.now + _GAP + said.writer
    return sum(len(pieces(text, width, INDENT)) for text in both)


def _rows(
    view: MachineView, group: list[WaitFact], width: int
) -> list[tuple[Line, Spot | None]]:
    """Its two lines, in as many rows as they need: a spot stands on the first of each."""
    every = []
    for styled, spot in _lines(view, group):
        rows = wrapped(styled, width, INDENT)
        every += [(row, None if number else spot) for number, row in enumerate(rows)]
    return every


def _lines(view: MachineView, group: list[WaitFact]) -> list[tuple[Line, Spot]]:
    fact, said = group[0], _said(view, group)
    here = any(one.cpu == view.focus for one in group)
    mark: Span = ("> " if here else _NO_MARK, "here")
    go = f"cpu {fact.cpu}"
    back = go if fact.tick is None else moment(fact.tick, fact.last_writer)
    return [
        (line(mark, (said.name, "strong"), (said.verb, "dim"),
              (said.on, "warn"), (said.at, "name")), Spot(0, f"c{fact.cpu}", go)),
        (line((_NOW, "dim"), (said.now, "number"), (_GAP, "plain"),
              (said.writer, "plain")), Spot(0, f"w{fact.cpu}", back)),
    ]  # fmt: skip


def _shown(
    view: MachineView, groups: list[list[WaitFact]], width: int, first: int, heights: list[int]
) -> Iterator[tuple[Line, Spot | None]]:
    """The rows from one on."""
    for group, height in zip(groups, heights, strict=True):
        if first < height:
            yield from _rows(view, group, width)[max(first, 0) :]
        first -= height


def render(view: MachineView, window: Window) -> Page:
    """Two rows for each group of CPUs that wait alike."""
    facts = view.sections.waits
    if facts is None:
        return notice("", window)
    if not facts:
        return teaching(_WHY, _TEACHES, window)
    groups = _grouped(facts)
    heights = [_height(view, group, window.width) for group in groups]
    total = sum(heights)
    top = top_of(window, window.height, total)
    shown = list(islice(_shown(view, groups, window.width, top, heights), window.height))
    return Page(
        lines=tuple(styled for styled, _ in shown),
        detail=f"{len(facts):,} wait" + span_words(top, window.height, total),
        top=top, rows=window.height, total=total, anchor=(top, 0),
        spots=tuple(
            Spot(row, spot.key, spot.go)
            for row, (_, spot) in enumerate(shown) if spot is not None
        ),
    )  # fmt: skip


PANEL = Panel("waits", "Waits", render, home="own", needs="waits", words=("waits",))
