"""Why is it waiting: who waits for which bytes, what they hold, and who could change that."""

from emu.judge.verdict import WaitFact
from emu.picture.view import MachineView
from emu.words.spans import spans
from tui.panels.base import Page, Panel, Spot, Window, moment, notice, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Span, line, wrapped

INDENT = 7
"""Cells by which rows that do not fit on one are moved in."""
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
    fact = group[0]
    ids = [one.cpu for one in group]
    name = f"cpu {ids[0]}" if len(ids) == 1 else f"cpus {spans(ids)}"
    mark: Span = ("> " if view.focus in ids else "  ", "here")
    verb = " waits for " if len(ids) == 1 else " wait for "
    go = f"cpu {ids[0]}"
    back = go if fact.tick is None else moment(fact.tick, fact.last_writer)
    return [
        (line(mark, (name, "strong"), (verb, "dim"),
              (fact.on, "warn"), (f"  at {fact.where}", "name")), Spot(0, f"c{ids[0]}", go)),
        (line(("     now ", "dim"), (fact.now or "-", "number"), ("  ", "plain"),
              (_writer(view, fact), "plain")), Spot(0, f"w{ids[0]}", back)),
    ]  # fmt: skip


def render(view: MachineView, window: Window) -> Page:
    """Two rows for each group of CPUs that wait alike."""
    facts = view.sections.waits
    if facts is None:
        return notice("", window)
    if not facts:
        return teaching(_WHY, _TEACHES, window)
    every = [row for group in _grouped(facts) for row in _rows(view, group, window.width)]
    top = top_of(window, window.height, len(every))
    shown = every[top : top + window.height]
    return Page(
        lines=tuple(styled for styled, _ in shown),
        detail=f"{len(facts):,} wait" + span_words(top, window.height, len(every)),
        top=top, rows=window.height, total=len(every), anchor=(top, 0),
        spots=tuple(
            Spot(row, spot.key, spot.go)
            for row, (_, spot) in enumerate(shown) if spot is not None
        ),
    )  # fmt: skip


PANEL = Panel("waits", "Waits", render, home="own", needs="waits", words=("waits",))
