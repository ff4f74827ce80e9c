"""Who runs next: the CPU that is furthest behind in virtual time, a random one, or the one
that is stepped by hand."""

import hashlib
from typing import Final, Literal

from msgspec import Struct, field

from emu.errors import CommandError
from emu.machine.machine import Machine
from emu.machine.timers import Alarm

QUANTUM_PS: Final = 1_000_000
"""How far a CPU may run ahead of the next one: 1 us, some 2,000 instructions."""
ALONE_PS: Final = 10_000_000
"""The longest slice of a CPU that runs alone: 10 us, some 20,000 instructions. Checkpoints lie
between slices."""
QUANTUM_NS_MAX: Final = 1_000_000


class Slice(Struct, frozen=True):
    """One CPU up to one moment of its own clock."""

    cpu: int
    until_ps: int


class ScheduleRule(Struct, frozen=True):
    """How the next CPU is chosen: `timed`, or `random` among those within four quanta of the
    one that is furthest behind, for a random part of a quantum."""

    kind: Literal["timed", "random"] = "timed"
    quantum_ps: int = QUANTUM_PS
    seed: int = 0

    @property
    def text(self) -> str:
        """The rule as `schedule` reads it."""
        quantum = "" if self.quantum_ps == QUANTUM_PS else f" quantum {self.quantum_ps // 1000}"
        return self.kind + (f" {self.seed}" if self.kind == "random" else "") + quantum


SavedSchedule = tuple[ScheduleRule, frozenset[int], int, int | None, Slice | None, int | None]


class Schedule(Struct):
    """The rule in force, who is held, and the slice that is being run."""

    machine: Machine
    rule: ScheduleRule = field(default_factory=ScheduleRule)
    held: frozenset[int] = frozenset()
    begun: int = 0
    """Slices chosen so far: what random choices are drawn from, beside the seed."""
    by_hand: int | None = None
    """The CPU that is stepped; the others stand still."""
    slice: Slice | None = None
    first: int | None = None
    """The CPU that has the next slice, whatever the rule says, if it can run."""

    def save(self) -> SavedSchedule:
        """Everything that changes over time, for `load`."""
        return self.rule, self.held, self.begun, self.by_hand, self.slice, self.first

    def load(self, saved: SavedSchedule) -> None:
        """Be again what `save` saw."""
        (self.rule, self.held, self.begun, self.by_hand, self.slice, self.first) = saved

    def next(self) -> Slice | None:
        """Begin the next slice; None when nothing can ever run again.

        A waiting CPU whose loop ends by the clock takes part with the time it is known to wait.
        """
        machine, waits = self.machine, self.machine.waits
        while True:
            times = sorted(self._moments())
            due, alarm = self._first_alarm()
            if alarm is not None and (not times or due <= times[0][0]):
                alarm.ring(machine.board)
                continue
            if not times:
                return None
            chosen = self._chosen(times)
            wanted = self.first
            if wanted is not None:
                for place, (_, index) in enumerate(times):
                    if index == wanted and waits.runs(machine.board.cpus[index]):
                        chosen = place
            moment, index = times[chosen]
            others = times[1 - chosen] if chosen < 2 and len(times) > 1 else times[0]
            horizon = others[0] if len(times) > 1 else moment + ALONE_PS
            horizon = max(horizon, moment) if index == wanted else horizon
            horizon = horizon if alarm is None else min(horizon, due)
            cpu = machine.board.cpus[index]
            if cpu.activity == "running":
                self.begun += 1
                self.first = None
                self.slice = Slice(index, self._until(moment, horizon))
                machine.switch_to(cpu)
                return self.slice
            waits.come_to(cpu, moment, max(horizon, moment) + self.rule.quantum_ps)

    def _first_alarm(self) -> tuple[int, Alarm | None]:
        """(picoseconds, alarm) of the one that is due first; of equal ones, the first in
        their tuple."""
        board = self.machine.board
        found: tuple[int, Alarm | None] = 0, None
        for alarm in self.machine.alarms:
            due = alarm.due_ps(board)
            if due is not None and (found[1] is None or due < found[0]):
                found = due, alarm
        return found

    def _moments(self) -> list[tuple[int, int]]:
        """(clock, CPU) of everyone who can run by itself and is not held."""
        board = self.machine.board
        cpus = board.cpus
        running = [(cpus[index].clock_ps, index) for index in board.running]
        found = running + self.machine.waits.moments()
        return [one for one in found if one[1] not in self.held] if self.held else found

    def _chosen(self, times: list[tuple[int, int]]) -> int:
        """Which of the CPUs, sorted by clock, runs next."""
        if self.rule.kind == "timed":
            return 0
        near = times[0][0] + 4 * self.rule.quantum_ps
        count = sum(moment <= near for moment, _ in times)
        return self._draw("cpu") % count

    def _until(self, moment: int, horizon: int) -> int:
        if self.rule.kind == "random":
            return moment + 1 + self._draw("length") % self.rule.quantum_ps
        return max(min(horizon + self.rule.quantum_ps, moment + ALONE_PS), moment + 1)

    def _draw(self, what: str) -> int:
        """A number that depends on the seed, on how many slices there were, and on nothing
        else."""
        text = f"{self.rule.seed} {self.begun} {what}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def rule_of(words: list[str]) -> ScheduleRule:
    """`timed [quantum NS]` or `random [SEED] [quantum NS]`; raises CommandError."""
    kind = words[0] if words else ""
    rest = words[1:]
    quantum, seed = QUANTUM_PS, 0
    if len(rest) >= 2 and rest[-2] == "quantum" and rest[-1].isdigit():
        if not 1 <= int(rest[-1]) <= QUANTUM_NS_MAX:
            raise CommandError(f"schedule: quantum {rest[-1]}: 1 to {QUANTUM_NS_MAX:,} ns")
        quantum, rest = 1000 * int(rest[-1]), rest[:-2]
    if kind == "random" and len(rest) == 1 and rest[0].isdigit():
        seed, rest = int(rest[0]), []
    if kind == "timed" and not rest:
        return ScheduleRule("timed", quantum)
    if kind == "random" and not rest:
        return ScheduleRule("random", quantum, seed)
    raise CommandError("schedule: takes `timed` or `random [SEED]`, then `quantum NS`")
