"""Who can run next, and the slice that is being run. Which of them it is, and how long, a
chooser decides; one CPU may be stepped by hand instead."""

from typing import Final

from msgspec import Struct, field

from emu.errors import CommandError
from emu.given.number import is_digits
from emu.machine.machine import Machine
from emu.machine.timers import Alarm
from emu.timeline.chooser import (
    ALONE_PS,
    QUANTUM_PS,
    Bounded,
    Choice,
    Chooser,
    Offer,
    Random,
    Timed,
)

QUANTUM_NS_MAX: Final = 1_000_000

SavedSchedule = tuple[
    Chooser, frozenset[int], int, int, int | None, Choice | None, int | None
]  # fmt: skip


class Schedule(Struct):
    """The chooser in force, who is held, and the slice that is being run."""

    machine: Machine
    chooser: Chooser = field(default_factory=Timed)
    held: frozenset[int] = frozenset()
    begun: int = 0
    """Slices chosen so far: what random choices are drawn from, beside the seed."""
    asked: int = 0
    """Choices of this chooser so far."""
    by_hand: int | None = None
    """The CPU that is stepped; the others stand still."""
    slice: Choice | None = None
    first: int | None = None
    """The CPU that has the next slice, whoever is chosen, if it can run."""
    noted: list[Choice] | None = None
    """Where every choice is written down, if somebody wants them."""

    def save(self) -> SavedSchedule:
        """Everything that changes over time, for `load`."""
        return (
            self.chooser, self.held, self.begun, self.asked, self.by_hand, self.slice,
            self.first,
        )  # fmt: skip

    def load(self, saved: SavedSchedule) -> None:
        """Be again what `save` saw."""
        (
            self.chooser, self.held, self.begun, self.asked, self.by_hand, self.slice,
            self.first,
        ) = saved  # fmt: skip

    def follow(self, chooser: Chooser) -> None:
        """From here on another one chooses."""
        self.chooser, self.asked, self.slice = chooser, 0, None

    def next(self) -> Choice | None:
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
            offer = Offer(times, self.begun, self.asked, self._runs)
            place = self._place(offer)
            moment, index = times[place]
            others = times[1 - place] if place < 2 and len(times) > 1 else times[0]
            horizon = max(others[0], moment) if len(times) > 1 else moment + ALONE_PS
            horizon = horizon if alarm is None else min(horizon, due)
            cpu = machine.board.cpus[index]
            if cpu.activity == "running":
                self.slice = self._chose(index, self.chooser.until(offer, moment, horizon))
                self.begun += 1
                self.first = None
                machine.switch_to(cpu)
                return self.slice
            ahead = self.chooser.ahead(offer, moment, horizon)
            waits.come_to(cpu, moment, self._chose(index, ahead).until_ps)

    def _chose(self, index: int, until_ps: int) -> Choice:
        """One more choice has been made."""
        choice = Choice(index, until_ps, self.machine.board.tick)
        self.asked += 1
        if self.noted is not None:
            self.noted.append(choice)
        return choice

    def _place(self, offer: Offer) -> int:
        """Where whoever is next stands among those who can run."""
        wanted = self.first
        place = None if wanted is None or not self._runs(wanted) else offer.place_of(wanted)
        return self.chooser.whose(offer) if place is None else place

    def _runs(self, index: int) -> bool:
        return self.machine.waits.runs(self.machine.board.cpus[index])

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


def chooser_of(words: list[str]) -> Timed | Random | Bounded:
    """`timed`, `random [SEED]` or `switches SLICE:CPU,...`, and then `quantum NS`; raises
    CommandError."""
    kind, rest = words[0] if words else "", words[1:]
    quantum = QUANTUM_PS
    if len(rest) >= 2 and rest[-2] == "quantum" and is_digits(rest[-1]):
        if not 1 <= int(rest[-1]) <= QUANTUM_NS_MAX:
            raise CommandError(f"schedule: quantum {rest[-1]}: 1 to {QUANTUM_NS_MAX:,} ns")
        quantum, rest = 1000 * int(rest[-1]), rest[:-2]
    match kind, rest:
        case "timed", []:
            return Timed(quantum)
        case "random", []:
            return Random(quantum)
        case "random", [seed] if is_digits(seed):
            return Random(quantum, int(seed))
        case "switches", [given]:
            return Bounded(quantum, tuple(map(_switch, given.split(","))))
    raise CommandError(
        "schedule: takes `timed` or `random [SEED]` or `switches SLICE:CPU,...`, then "
        "`quantum NS`"
    )


def _switch(text: str) -> tuple[int, int]:
    begun, _, cpu = text.partition(":")
    if not is_digits(begun) or not is_digits(cpu):
        raise CommandError(f"schedule: {text!r}: a switch is SLICE:CPU")
    return int(begun), int(cpu)
