"""Waiting costs nothing: loops that can only end from outside are put to sleep, exactly.

A CPU waits when one lap of its loop leaves every register and every byte of memory as it was.
The machine is deterministic, so all further laps are the same until a byte that the loop reads
changes. The lap's length in virtual time is known, so the CPU can be woken at the very lap
that a running CPU would have been in. If the loop also reads a clock, registers that hold the
clock may differ, as long as the loop sets them before it uses them; the lap in which such a
loop ends on its own is found by trying laps at later times and taking them back.

Nothing here changes what the guest sees: a lap is executed for real before it is believed.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from emu.boot import disasm
from emu.boot.disasm import Instruction
from emu.hw import vmcb
from emu.hw.address import Gpa, Hpa
from emu.hw.context import GENERAL
from emu.hw.cpu import Cpu
from emu.hw.engine import Exit, ExitKind

if TYPE_CHECKING:
    from emu.machine.machine import Machine

LAP_MAX: Final = 64
"""Instructions in a loop that may be recognised; wait loops have 3 to 20."""
HITS: Final = 2
"""PAUSEs, clock reads or slice ends near one place before a lap is traced."""
BACKOFF_MAX: Final = 4096
"""Hits between two attempts at a loop that turned out to do real work."""
NEAR: Final = 256
"""Bytes: places this close to each other may belong to one wait loop."""
HORIZON_PS: Final = 10**18
"""About twelve days: a loop that still waits then waits for ever."""
_CLOCK_MSRS: Final = frozenset((0x10, 0x40000020))
_WATCHED: Final = (*GENERAL, "rflags")


@dataclass(slots=True)
class _Lap:
    """One lap of a loop as it is being executed and looked at."""

    head: int
    start_ps: int
    state: bytes
    values: tuple[int, ...]
    path: list[int] = field(default_factory=list)
    code: list[Instruction] = field(default_factory=list)
    reads: dict[tuple[Hpa, int], int] = field(default_factory=dict)
    """(HPA, bytes) of every read -> the GVA it was read at."""
    writes: dict[tuple[Hpa, int], bytes] = field(default_factory=dict)
    """(HPA, bytes) of every write -> what was there before the lap."""
    clock: bool = False
    before: "_Lap | None" = None
    """The lap before, when the loop reads a clock and two laps must be compared."""


@dataclass(slots=True)
class _Suspicion:
    """How often a CPU was seen near one place, and how often it must be for a trace."""

    rip: int = -1
    hits: int = 0
    wanted: int = HITS


@dataclass(slots=True)
class Wait:
    """A CPU that sleeps in a wait loop."""

    head: int
    since_ps: int
    """Its clock at the loop's head."""
    lap_ps: int
    path: tuple[int, ...]
    reads: tuple[tuple[Hpa, int, int], ...]
    """(HPA, bytes, GVA) of all that the loop looks at."""
    values: tuple[bytes, ...]
    clock: bool
    """The loop reads a clock, so it may end on its own."""
    writes: tuple[tuple[Hpa, bytes], ...]
    """What the lap stores, which is what was there already."""
    safe_ps: int = 0
    """A lap that starts at this clock is known to come round."""
    ends_ps: int | None = None
    """The start of the first lap that does not come round, once known."""

    def lap_at(self, moment_ps: int) -> int:
        """The start of the first lap that begins at or after a moment."""
        laps = max(0, -(-(moment_ps - self.since_ps) // self.lap_ps))
        return self.since_ps + laps * self.lap_ps


class Waits:
    """Who waits, for what, and until when."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self.waiting: dict[int, Wait] = {}
        self._laps: dict[int, _Lap] = {}
        self._suspicions: dict[int, _Suspicion] = {}
        self._pages: dict[Gpa, set[int]] = {}

    # -- noticing ---------------------------------------------------------------------------

    def tracing(self, cpu: Cpu) -> bool:
        """Whether the CPU is to be run one instruction at a time; called before each."""
        lap = self._laps.get(cpu.id)
        if lap is None:
            return False
        if not self._look(cpu, lap):
            self._give_up(cpu)
            return False
        return True

    def suspect(self, cpu: Cpu, exit_: Exit) -> bool:
        """If a PAUSE or clock read is about to retire: is it the head of a lap to be traced?

        The head is before a clock read on purpose: registers that hold the clock are dead there.
        """
        if cpu.id in self._laps or not self._harmless(cpu, exit_):
            return False
        seen = self._suspicions.setdefault(cpu.id, _Suspicion())
        rip = cpu.registers.rip
        if abs(rip - seen.rip) >= NEAR:
            seen.rip, seen.hits, seen.wanted = rip, 0, HITS
        seen.hits += 1
        if seen.hits < seen.wanted:
            return False
        seen.hits = 0
        self._laps[cpu.id] = self._lap(cpu)
        return self.tracing(cpu)

    def slice_ended(self, cpu: Cpu) -> None:
        """A slice used up its time: two in a row at nearly one place look like a loop."""
        seen = self._suspicions.setdefault(cpu.id, _Suspicion())
        rip = cpu.registers.rip
        if abs(rip - seen.rip) >= NEAR:
            seen.rip, seen.hits, seen.wanted = rip, 0, HITS
            return
        seen.hits += 1
        if seen.hits >= seen.wanted and cpu.id not in self._laps:
            seen.hits = 0
            self._laps[cpu.id] = self._lap(cpu)

    def _lap(self, cpu: Cpu, before: _Lap | None = None) -> _Lap:
        context = cpu.registers
        values = tuple(context.get(name) for name in _WATCHED)
        return _Lap(context.rip, cpu.clock_ps, context.architectural(), values, before=before)

    # -- tracing ----------------------------------------------------------------------------

    def _look(self, cpu: Cpu, lap: _Lap) -> bool:
        """Note what the next instruction reads and writes; False if it cannot be judged."""
        context = cpu.registers
        if len(lap.path) >= LAP_MAX or context.mode == "real":
            return False
        code = disasm.decode(self._machine.code_bytes(cpu), context.rip, context.mode)
        if code is None or code.repeats:
            return False
        lap.path.append(context.rip)
        lap.code.append(code)
        return all(
            self._note(cpu, lap, access.address(context.get, code), access.size, access.access)
            for access in code.memory
        )

    def _note(self, cpu: Cpu, lap: _Lap, gva: int, size: int, access: str) -> bool:
        pieces = self._machine.virtual.pieces(cpu.registers, gva, size)
        if pieces is None:
            return False
        for hpa, count in pieces:
            if "r" in access and (hpa, count) not in lap.writes:
                lap.reads[hpa, count] = gva  # what the lap itself stored is no reason to wake
            if "w" in access:
                lap.writes.setdefault((hpa, count), self._machine.memory.read(hpa, count))
        return True

    def stepped(self, cpu: Cpu, exit_: Exit) -> None:
        """One traced instruction has run; at the loop's head the lap is judged."""
        lap = self._laps.get(cpu.id)
        if lap is None:
            return
        if exit_.kind is not ExitKind.BUDGET:
            if not self._harmless(cpu, exit_):
                self._give_up(cpu)
                return
            lap.clock |= exit_.code != vmcb.EXIT_PAUSE
        if cpu.activity != "running":
            self._give_up(cpu)
        elif cpu.registers.rip == lap.head:
            self._judge(cpu, lap)

    def _harmless(self, cpu: Cpu, exit_: Exit) -> bool:
        """PAUSE and clock reads have no effect outside the CPU."""
        if exit_.kind is not ExitKind.INTERCEPT:
            return False
        if exit_.code == vmcb.EXIT_MSR:
            return cpu.registers.get("rcx") & 0xFFFFFFFF in _CLOCK_MSRS
        return exit_.code in (vmcb.EXIT_PAUSE, vmcb.EXIT_RDTSC)

    def _judge(self, cpu: Cpu, lap: _Lap) -> None:
        """The CPU is back at the head: is everything as it was?"""
        memory = self._machine.memory
        if any(memory.read(*place) != old for place, old in lap.writes.items()):
            self._give_up(cpu)
        elif cpu.registers.architectural() == lap.state:
            self._sleep(cpu, lap)
        elif lap.clock and lap.before is None:
            self._laps[cpu.id] = self._lap(cpu, before=lap)
        elif lap.clock and lap.before is not None and self._only_clock(cpu, lap, lap.before):
            self._sleep(cpu, lap)
        else:
            self._give_up(cpu)

    def _only_clock(self, cpu: Cpu, lap: _Lap, before: _Lap) -> bool:
        """Whether two laps took one path and differ only in registers set before use."""
        if lap.path != before.path:
            return False
        now = tuple(cpu.registers.get(name) for name in _WATCHED)
        rows = zip(_WATCHED, before.values, lap.values, now, strict=True)
        moving = {name for name, first, second, third in rows if not first == second == third}
        return all(_set_before_use(name, lap.code) for name in moving)

    def _give_up(self, cpu: Cpu) -> None:
        del self._laps[cpu.id]
        seen = self._suspicions.setdefault(cpu.id, _Suspicion())
        seen.hits = 0
        seen.wanted = min(seen.wanted * 2, BACKOFF_MAX)

    # -- sleeping and waking ----------------------------------------------------------------

    def _sleep(self, cpu: Cpu, lap: _Lap) -> None:
        del self._laps[cpu.id]
        self._suspicions.pop(cpu.id, None)
        reads = tuple((hpa, count, gva) for (hpa, count), gva in lap.reads.items())
        wait = Wait(
            lap.head, cpu.clock_ps, cpu.clock_ps - lap.start_ps, tuple(lap.path), reads,
            tuple(self._machine.memory.read(hpa, count) for hpa, count, _ in reads),
            lap.clock, tuple((hpa, old) for (hpa, _), old in lap.writes.items()),
            safe_ps=cpu.clock_ps - 1,
        )  # fmt: skip
        self.waiting[cpu.id] = wait
        cpu.activity = "waiting"
        for page in self._pages_of(wait):
            self._pages.setdefault(page, set()).add(cpu.id)
            self._machine.tracked.add(page, "wait")

    def _pages_of(self, wait: Wait) -> set[Gpa]:
        pages = {self._machine.page_at(hpa) for hpa, _, _ in wait.reads}
        return {page for page in pages if page is not None}

    def forget(self, cpu: Cpu) -> None:
        """The CPU is about to do something else: it neither waits nor is looked at."""
        self._laps.pop(cpu.id, None)
        self._suspicions.pop(cpu.id, None)
        wait = self.waiting.pop(cpu.id, None)
        if wait is None:
            return
        for page in self._pages_of(wait):
            waiters = self._pages[page]
            waiters.discard(cpu.id)
            if not waiters:
                del self._pages[page]
                self._machine.tracked.remove(page, "wait")

    def wake(self, cpu: Cpu, moment_ps: int) -> None:
        """Let a waiting CPU run from the lap that begins at or after a moment."""
        wait = self.waiting.get(cpu.id)
        if wait is None:
            self._laps.pop(cpu.id, None)
            return
        self.forget(cpu)
        start = wait.lap_at(moment_ps)
        cpu.clock_ps = start if wait.ends_ps is None else min(start, wait.ends_ps)
        cpu.activity = "running"
        self._machine.reschedule = True

    def notify(self, writer: Cpu | None, hpa: Hpa, count: int) -> None:
        """Memory changed: whoever looks at a byte that is another one now wakes up."""
        page = self._machine.page_at(hpa)
        if page is None:
            return
        moment = self._machine.now_ps() if writer is None else writer.clock_ps
        for index in sorted(self._pages.get(page, ())):
            wait = self.waiting[index]
            pairs = zip(wait.reads, wait.values, strict=True)
            if any(self._machine.memory.read(h, n) != old for (h, n, _), old in pairs):
                self.wake(self._machine.cpus[index], moment)

    # -- loops that end by the clock --------------------------------------------------------

    def next_moment(self, cpu: Cpu) -> int | None:
        """The clock at which a waiting CPU matters again: at the latest the end of its loop,
        at the earliest the first lap that has not been tried. None: only memory wakes it."""
        wait = self.waiting[cpu.id]
        if not wait.clock:
            return None
        return wait.ends_ps if wait.ends_ps is not None else wait.safe_ps + 1

    def look_ahead(self, cpu: Cpu, moment_ps: int) -> None:
        """Find out whether a clock loop comes round up to a moment, or where it ends."""
        wait = self.waiting[cpu.id]
        span = 2 * (wait.safe_ps - wait.since_ps) + wait.lap_ps
        good, bad = wait.safe_ps, wait.lap_at(max(moment_ps, wait.since_ps + span))
        if bad > HORIZON_PS:
            wait.clock = False
            return
        if self._comes_round(cpu, wait, bad):
            wait.safe_ps = bad
            return
        first = max(0, -(-(good + 1 - wait.since_ps) // wait.lap_ps))
        last = (bad - wait.since_ps) // wait.lap_ps
        while first < last:
            middle = (first + last) // 2
            if self._comes_round(cpu, wait, wait.since_ps + middle * wait.lap_ps):
                first = middle + 1
            else:
                last = middle
        wait.ends_ps = wait.since_ps + last * wait.lap_ps

    def _comes_round(self, cpu: Cpu, wait: Wait, start_ps: int) -> bool:
        """Execute one lap at another time, on a copy of the CPU; stop where the path leaves."""
        machine, context = self._machine, cpu.registers
        saved, clock, ticks = context.save(), cpu.clock_ps, (machine.tick, cpu.ticks)
        cpu.clock_ps = start_ps
        pages = {machine.page_at(hpa) for hpa, _ in wait.writes} - {None}
        with machine.tracked.opened(pages):
            round_ = all(self._lap_step(cpu, rip) for rip in wait.path)
        came = round_ and context.rip == wait.head
        for hpa, old in wait.writes:
            machine.memory.write(hpa, old)
        context.load(saved)
        cpu.clock_ps = clock
        machine.tick, cpu.ticks = ticks
        machine.engine.flush_tlb()
        return came

    def _lap_step(self, cpu: Cpu, rip: int) -> bool:
        """One instruction of a tried lap; False where the loop would be left."""
        if cpu.registers.rip != rip:
            return False
        exit_ = self._machine.execute_one(cpu)
        if exit_.kind is ExitKind.BUDGET:
            return True
        if not self._harmless(cpu, exit_):
            return False
        self._machine.answer(cpu, exit_)
        return True


def _set_before_use(name: str, code: list[Instruction]) -> bool:
    """Whether a lap writes a register (or the flags) before anything reads it."""
    for instruction in code:
        if name in instruction.reads:
            return False
        if name in instruction.writes:
            return True
    return False
