"""Loops that also read a clock may end by themselves: the lap in which they do is found by
trying single laps at later times."""

from typing import Final

from msgspec.structs import replace

from emu.hw.cpu import Cpu
from emu.machine.trial import Trials
from emu.machine.wait import Wait

HORIZON_PS: Final = 10**18
"""About twelve days: a loop that still waits then waits for ever."""
KINDS_MAX: Final = 4096
"""Kinds of waits of which it is remembered how long they lasted."""
Lasted = dict[tuple[int, int], int]


class ClockLoops:
    """Who finds out how long such loops go on."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self.lasted: Lasted = {}
        """Head and length of a lap -> laps until the clock ended the last wait of this kind."""

    def ahead(self, cpu: Cpu, wait: Wait, moment_ps: int) -> Wait | None:
        """What is known once it has been found out whether the loop comes round up to a moment,
        or where it ends; None if no clock ends it."""
        lap = wait.loop.lap_ps
        # Twice as far as is known, so that a wait of any length takes few trials: time is only
        # looked at lap by lap within the last doubling, and there by halves.
        span = 2 * (wait.safe_ps - wait.since_ps) + lap
        good, bad = wait.safe_ps, wait.lap_at(max(moment_ps, wait.since_ps + span))
        if bad > HORIZON_PS:
            return None
        if self._comes_round(cpu, wait, bad):
            return replace(wait, safe_ps=bad)
        first = max(0, -(-(good + 1 - wait.since_ps) // lap))
        last = self._first_to_leave(cpu, wait, first, (bad - wait.since_ps) // lap)
        return replace(wait, ends_ps=wait.since_ps + last * lap)

    def _first_to_leave(self, cpu: Cpu, wait: Wait, first: int, last: int) -> int:
        """The first lap from number `first` on that does not come round, as `last` does not.
        Delays mostly last as long as the one before: it is looked for from there on with
        growing steps, then by halves."""
        kind = wait.loop.head, wait.loop.lap_ps
        near, step, up = self.lasted.get(kind, (first + last) // 2) - 1, 1, True
        while first < last:
            middle = min(max(near, first), last - 1) if step else (first + last) // 2
            round_ = self._comes_round(cpu, wait, wait.since_ps + middle * wait.loop.lap_ps)
            if round_:
                first = middle + 1
            else:
                last = middle
            if step > 1 and round_ != up:
                step = 0
            near, step, up = near + step if round_ else near - step, 2 * step, round_
        if len(self.lasted) >= KINDS_MAX:
            self.lasted.clear()
        self.lasted[kind] = last
        return last

    def _comes_round(self, cpu: Cpu, wait: Wait, start_ps: int) -> bool:
        """Execute one lap at another time, and take it back."""
        loop, first, place = wait.loop, cpu.ticks, 0
        with self._trials.begin(cpu, start_ps, loop.stores):
            for _ in loop.path:
                if place >= len(loop.path):
                    break
                if cpu.registers.rip != loop.path[place]:
                    return False
                # Up to where it may leave: what it has not touched before it must not touch.
                if self._trials.step(cpu, loop.straight[place]) is None:
                    return False
                place = cpu.ticks - first
            # A register that is used may hold a piece of the clock. In the lap that was seen it
            # was the same by chance; where it is not, the lap behind it is another one.
            back = place == len(loop.path) and cpu.registers.rip == loop.head
            return back and loop.takes(cpu)
