"""What a panel is: a pure function from a frozen view and a window to a page of lines."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from emu.picture.view import MachineView, Section
from tui.text import Line, Role, line, paragraph

Anchor = tuple[int, int]
"""Names the first visible row in the panel's own terms, so that rows stay where they are."""


class Window(Struct, frozen=True):
    """The part of the screen that a panel fills, in cells."""

    width: int
    height: int
    top: int | None = None
    """First row to show; None: the panel shows what matters now."""
    anchor: Anchor | None = None
    """The anchor of the page shown before, to be kept while that is possible."""
    cursor: str = ""
    """The key of the spot that is pointed at; empty: none is."""
    blocks: bool = False
    """Whether the terminal can draw blocks; else letters say the same."""


class Spot(Struct, frozen=True):
    """A part of a page that can be pointed at, and what that does: commands as typed."""

    row: int
    """Index of the line in the page."""
    key: str
    """What it is, the same on every page that has it: the cursor stays on it."""
    go: str = ""
    """Carried out by a click or Enter."""
    edit: str = ""
    """Begins a command in the prompt, for `e`."""
    stop: str = ""
    """Sets or removes a breakpoint, for F2."""
    start: int = 0
    end: int | None = None
    """Columns; None: to the end of the row."""
    about: str = ""
    """The word that `?` explains."""
    why: str = ""
    """Why there is nothing to go to."""


class Page(Struct, frozen=True):
    """What a panel shows in one window: only the visible lines are ever built."""

    lines: tuple[Line, ...]
    """At most as many as the window is high."""
    detail: str = ""
    """Stands at the right of the title."""
    top: int = 0
    """Index of the first scrolled row that is visible."""
    rows: int = 0
    """How many scrolled rows are visible; fixed lines such as headings do not count."""
    total: int = 0
    """How many scrolled rows there are."""
    anchor: Anchor | None = None
    spots: tuple[Spot, ...] = ()
    """What can be pointed at, in reading order."""
    ticks: tuple[int | None, ...] = ()
    """By column: the tick that a click on it goes to."""
    cpus: tuple[int | None, ...] = ()
    """By line: the CPU that such a click selects."""
    current: str = ""
    """The key of the spot at which a cursor begins; empty: at the first or last one."""


class Panel(Struct, frozen=True):
    """One panel: its name everywhere, and how it draws. What `?` says about it is the text of
    its id among those of panels (`emu/texts/explain/en/panel.toml`)."""

    id: str
    title: str
    render: Callable[[MachineView, Window], Page]
    home: Literal["log", "look", "own"] = "log"
    """Where the layout has it: a tab among the logs, or beside the code among what is looked
    up; "own": the layout names its place."""
    live: bool = True
    """Whether it is drawn anew while the machine runs; others show the last stop."""
    selects_cpu: bool = False
    """Whether up and down select a CPU instead of scrolling."""
    follows: bool = False
    """Whether every command brings it back to what matters now."""
    needs: Section | None = None
    """What it shows that a view has only if it is asked for."""
    short: str = ""
    """The title where there is little room; empty: the title itself."""
    words: tuple[str, ...] = ()
    """The commands that this panel answers."""
    filter: str = ""
    """What `/` begins in the prompt; empty: there is nothing to search."""
    scroll: Callable[[MachineView, int], str] | None = None
    """The command that moves it by so many rows, where it has no first and last one."""
    other: Callable[[MachineView], str] | None = None
    """The command that shows it another way, for `o`."""
    count: Callable[[MachineView], int] | None = None
    """How many things it has, for its name among the tabs."""
    alarm: Role = "dim"
    """The role of its name there while it has any and is not shown."""

    @property
    def tab(self) -> str:
        """The title where there is little room."""
        return self.short or self.title


def moment(tick: int, cpu: int | None) -> str:
    """The command that goes to a moment, and to the CPU that it belongs to."""
    return f"goto {tick}" if cpu is None else f"goto {tick} cpu {cpu}"


def top_of(window: Window, rows: int, total: int, wanted: int | None = None) -> int:
    """The first visible row: the window's own, else the anchor's moved just far enough to show
    row `wanted`; always so that the rows are filled."""
    last = max(total - rows, 0)
    if window.top is not None:
        return min(max(window.top, 0), last)
    top = window.anchor[0] if window.anchor is not None else 0
    if wanted is not None:
        top = min(max(top, wanted - rows + 1), wanted)
    return min(max(top, 0), last)


def span_words(top: int, rows: int, total: int) -> str:
    """`3-14 of 1,024`, or nothing where all is visible."""
    if rows >= total:
        return ""
    return f"{top + 1:,}-{min(top + rows, total):,} of {total:,}"


def notice(words: str, window: Window, detail: str = "") -> Page:
    """A page that says in words why there is nothing to show."""
    rows = paragraph(words, max(window.width, 8))[: window.height]
    return Page(tuple(line((row, "dim")) for row in rows), detail)


def joined(*words: str) -> str:
    """The words that are not empty, two spaces between."""
    return "  ".join(word for word in words if word)
