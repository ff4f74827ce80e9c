"""What people did to this branch of the timeline: injections, edits, and who was to run."""

from emu.picture.view import EntryView, MachineView
from tui.panels.base import (
    Page,
    Panel,
    Spot,
    Window,
    joined,
    moment,
    span_words,
    top_of,
)
from tui.panels.empty import teaching
from tui.text import Line, Role, line, pad, right

_WHY = "Nothing was done to this machine from outside."
_TEACHES = (
    "What somebody breaks or changes stands here, with its moment and what became of it. `i` "
    "lists what can be broken on purpose, `:set rax=1` changes a value, `H` lets the selected "
    "CPU stand still."
)
_STEPPING = ("hand", "auto")
"""Entries that every step makes and every run ends."""
_ROLES: dict[str, Role] = {"inject": "bad", "set": "warn", "hold": "busy", "release": "busy"}
TICK_CELLS = 13
WORD_CELLS = 8
FATE_FROM_CELLS = 100
"""A narrower window has what became of an injection in a row of its own."""
_FATES: dict[str, tuple[str, Role]] = {
    "waits": ("W", "busy"), "fired": ("F", "bad"), "failed": ("!", "warn"), "": (" ", "dim"),
}  # fmt: skip
_IN_LETTER = ("waits", "fired at once")
"""Says no more than the letter."""


def _word(entry: EntryView) -> str:
    """What kind of entry it is."""
    return entry.text.partition(" ")[0]


def _injected(view: MachineView) -> int:
    """How many times something was injected; who was to run is nothing that was broken."""
    return sum(_word(entry) == "inject" for entry in view.entries)


def _fate(entry: EntryView) -> str:
    """What became of an injection, in words."""
    match entry.fate:
        case "waits":
            return "waits" + (f": {entry.fate_words}" if entry.fate_words else "")
        case "fired" if entry.fate_tick == entry.tick:
            return "fired at once"
        case "fired":
            return f"fired at tick {entry.fate_tick:,}"
        case "failed":
            return f"could not be at tick {entry.fate_tick:,}: {entry.fate_words}"
    return ""


def _row(entry: EntryView, what_cells: int) -> Line:
    word, _, rest = entry.text.partition(" ")
    letter, role = _FATES[entry.fate] if entry.done else ("~", "dim")
    return line(
        (f"{letter} ", role), (right(f"{entry.tick:,}", TICK_CELLS) + "  ", "dim"),
        (pad(word, WORD_CELLS) + "  ", _ROLES.get(word, "plain")),
        (pad(rest, what_cells) + "  " if what_cells else rest, "plain"),
        (_fate(entry) if what_cells else "", role),
    )  # fmt: skip


def _below(entry: EntryView) -> Line:
    words = _fate(entry)
    return line((" " * (TICK_CELLS + WORD_CELLS + 6) + words, _FATES[entry.fate][1]))


def _what_cells(entries: list[EntryView], width: int) -> int:
    """The column of what was done; 0 where nothing stands behind it."""
    if width < FATE_FROM_CELLS or not any(entry.fate for entry in entries):
        return 0
    room = (width - TICK_CELLS - WORD_CELLS - 6) * 3 // 5
    return min(max(len(entry.text.partition(" ")[2]) for entry in entries), room)


def _rows(entries: tuple[EntryView, ...], width: int) -> list[tuple[int, bool]]:
    """(index of an entry, whether this is the row below it) for every row."""
    rows = []
    for index, entry in enumerate(entries):
        rows.append((index, False))
        if entry.fate and width < FATE_FROM_CELLS and _fate(entry) not in _IN_LETTER:
            rows.append((index, True))
    return rows


def render(view: MachineView, window: Window) -> Page:
    """One row for each entry of the branch, in the order of time."""
    held = f"held: {', '.join(map(str, sorted(view.held)))}" if view.held else ""
    entries = tuple(one for one in view.entries if _word(one) not in _STEPPING)
    waiting = sum(entry.fate == "waits" for entry in entries)
    detail = joined(f"{waiting:,} waiting" if waiting else "", view.schedule, held)
    if not entries:
        return teaching(_WHY, _TEACHES, window, detail)
    rows = _rows(entries, window.width)
    done = [place for place, (index, _) in enumerate(rows) if entries[index].done]
    top = top_of(window, window.height, len(rows), done[-1] if done else 0)
    shown = rows[top : top + window.height]
    cells = _what_cells([entries[index] for index, _ in shown], window.width)
    return Page(
        lines=tuple(
            _below(entries[index]) if below else _row(entries[index], cells)
            for index, below in shown
        ),
        detail=joined(detail, span_words(top, window.height, len(rows))),
        top=top, rows=window.height, total=len(rows), anchor=(top, 0),
        spots=tuple(
            _spot(row, index, entries[index])
            for row, (index, below) in enumerate(shown) if not below
        ),
    )  # fmt: skip


def _spot(row: int, index: int, entry: EntryView) -> Spot:
    """To where it fired, or else to where it was entered; e enters it again, changed."""
    tick = entry.tick if entry.fate_tick is None else entry.fate_tick
    return Spot(row, f"{index}", moment(tick, entry.cpu), entry.text)


PANEL = Panel(
    "injections", "Injections", render, short="Inject", words=("inject",),
    count=_injected,
)  # fmt: skip
