"""The rows of a log as a picture has them: which events a look keeps, how they are told."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from emu.machine.event import Event, EventKind
from emu.picture.filters import has_words, told_of


class LogLook(Struct, frozen=True):
    """Which events: of one CPU, of some kinds, with all these words in them, large or small;
    all where empty. And which folded rows are open."""

    cpu: int | None = None
    kinds: frozenset[str] = frozenset()
    text: str = ""
    open: frozenset[int] = frozenset()
    """Ticks of the first event of rows that are open."""
    all: bool = False
    """Every event has a row."""

    @property
    def words(self) -> str:
        """The look as `events` takes it."""
        who = [] if self.cpu is None else [f"cpu {self.cpu}"]
        return " ".join((*who, *sorted(self.kinds), *([self.text] if self.text else [])))

    @property
    def is_open(self) -> bool:
        """Whether it keeps everything."""
        return not self.words

    def same_filter(self, other: "LogLook") -> bool:
        """Whether another look keeps the same events."""
        return (self.cpu, self.kinds, self.text) == (other.cpu, other.kinds, other.text)

    def keeps(self, event: Event) -> bool:
        """Whether an event is one of them."""
        return (
            (self.cpu is None or event.cpu == self.cpu)
            and (not self.kinds or event.kind in self.kinds)
            and (not self.text or has_words(event.text, self.text))
        )


LOGGED: Final = LogLook(kinds=frozenset({"log"}))
"""What the guest has logged itself."""


class LogRow(Struct, frozen=True):
    """One event, or several that are equal and follow each other, or a line of text."""

    tick: int
    """Of the first one, as are the others."""
    virtual_ns: int
    cpu: int | None
    kind: EventKind
    text: str
    last_tick: int
    count: int = 1
    line: bool = False
    """It is text on its way to a serial port."""
    open: bool = False
    """Its events stand below it."""
    member: bool = False
    """It stands below a row that is open."""
    level: str = ""
    """Of a line that the guest has logged, where it says one."""

    @property
    def words(self) -> str:
        """The text, and of a fold how often and until when."""
        if self.count == 1:
            return self.text
        often = "" if self.line else f"  {self.count:,} times"
        return f"{self.text}{often}, to tick {self.last_tick:,}"


class LogView(Struct, frozen=True):
    """The rows that a look leaves."""

    look: LogLook
    rows: Sequence[LogRow]
    kept: int
    """Events that the look leaves; those that are folded are counted one by one."""
    total: int
    """Of the whole log."""
    searched: int
    """Events of it that the filter has been held against; fewer than `total` for a moment
    behind a new filter."""

    @property
    def told(self) -> str:
        """How many events there are, how many rows they make, and what hides the others."""
        return told_of(self.kept, self.total, "event", self.look.words, len(self.rows))
