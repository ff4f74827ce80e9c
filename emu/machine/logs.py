"""All that a machine tells of its course, in one hand: it grows and goes back together."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from emu.machine.event import Event
from emu.machine.folds import FoldedLog
from emu.machine.log import Lanes, Log, Turn, Woken
from emu.mailbox.observation import Observation
from emu.vmm.asked import Asked, Hlt, PauseHint, Rdtsc, Syscall
from emu.vmm.effects import Effects
from emu.vmm.exit_words import exit_words
from emu.vmm.line_part import LinePart, line_part

StoredExit = tuple[int, int, int, Asked, int, Effects]
"""(tick, virtual nanoseconds, CPU, what it asked for, picoseconds that it cost, and what came
of it, where there is more to say of that than that it was done)."""
_SAYS_ALL: Final = frozenset((PauseHint, Rdtsc, Hlt, Syscall))
"""What is asked so often, and answered so simply, that no answer is kept."""


class EventLog(FoldedLog[Event]):
    """What happened; the same of the same CPU in a row is one fold."""

    __slots__ = ()

    def _goes_on(self, before: Event, entry: Event) -> bool:
        return (
            before.text == entry.text and before.cpu == entry.cpu and before.kind == entry.kind
        )


class ExitLog(FoldedLog[Event]):
    """What CPUs asked for. It is put into words when somebody reads it: most exits of a boot
    nobody ever looks at."""

    __slots__ = ()

    def note(
        self, tick: int, ps: int, cpu: int, asked: Asked, price_ps: int, effects: Effects
    ) -> None:
        """One more exit, as the CPU stood before it, by how much it moved its clock, and what
        came of it."""
        kept = () if type(asked) in _SAYS_ALL else effects
        self.keep((tick, ps // 1000, cpu, asked, price_ps, kept))

    def prices(self) -> Iterator[tuple[int, Asked, int]]:
        """(CPU, what it asked for, picoseconds that this cost it) of every exit up to now."""
        for _, _, cpu, asked, price_ps, _ in self.stored():
            yield cpu, asked, price_ps

    def stored(self) -> Iterator[StoredExit]:
        """Every exit up to now, as it is stored."""
        for index in range(self.now):
            found: StoredExit = self._stored(index)
            yield found

    def newest(self, cpu: int, most: int) -> Iterator[Asked]:
        """What a CPU asked for last, newest first, among the last `most` exits of all."""
        for index in range(self.now - 1, max(self.now - most, 0) - 1, -1):
            _, _, who, asked, _, _ = self._stored(index)
            if who == cpu:
                yield asked

    def timed(self) -> Iterator[tuple[int, int, Asked, int]]:
        """(nanosecond of its clock, CPU, what it asked for, picoseconds that this cost it) of
        every exit up to now."""
        for index in range(self.now):
            _, ns, cpu, asked, price_ps, _ = self._stored(index)
            yield ns, cpu, asked, price_ps

    def _goes_on(self, before: StoredExit, entry: StoredExit) -> bool:
        """The same exit of the same CPU with the same answer, or another part of one line."""
        _, _, cpu, asked, _, effects = before
        if cpu != entry[2]:
            return False
        if asked == entry[3] and effects == entry[5]:
            return True
        part = line_part(entry[3], entry[5])
        return part is not None and part.follows(line_part(asked, effects))

    def line_parts(self, first: int, end: int) -> list[LinePart]:
        """The parts of a line that these exits are; none where they are something else."""
        parts = (line_part(*self._what(index)) for index in range(first, end))
        return [part for part in parts if part is not None]

    def _what(self, index: int) -> tuple[Asked, Effects]:
        _, _, _, asked, _, effects = self._stored(index)
        return asked, effects

    def _read(self, stored: StoredExit) -> Event:
        tick, virtual_ns, cpu, asked, _, effects = stored
        return Event(tick, virtual_ns, cpu, "exit", exit_words(asked, effects), asked)


Counts = tuple[int, int, int, int, int, int]
"""How much has happened of each, in the order of `Logs`."""


class Logs(Struct, eq=False):
    """What has happened on one branch; what is known of its future lies behind."""

    events: EventLog = field(default_factory=EventLog)
    exits: ExitLog = field(default_factory=ExitLog)
    turns: Log[Turn] = field(default_factory=Log)
    observed: Log[Observation] = field(default_factory=Log)
    """What the rules of the protocol look at."""
    lanes: Lanes = field(default_factory=Lanes)
    woken: Log[Woken] = field(default_factory=Log)
    """With the prices of exits: where every picosecond of a clock comes from."""

    def copy(self) -> "Logs":
        """What has happened, without the known future."""
        return Logs(
            self.events.copy(), self.exits.copy(), self.turns.copy(), self.observed.copy(),
            self.lanes.copy(), self.woken.copy(),
        )  # fmt: skip

    def counts(self) -> Counts:
        """Where they stand."""
        return (
            len(self.events), len(self.exits), len(self.turns), len(self.observed),
            self.lanes.count, len(self.woken),
        )  # fmt: skip

    def back_to(self, counts: Counts) -> None:
        """What lies behind `counts` is the known future again."""
        events, exits, turns, observed, runs, woken = counts
        self.events.now, self.exits.now, self.turns.now = events, exits, turns
        self.observed.now, self.woken.now = observed, woken
        self.lanes.back_to(runs)
