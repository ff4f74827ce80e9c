"""One lap of a loop, executed and looked at: instruction by instruction, or several at once
where what the later ones touch is certain before the first has run (`emu.machine.ahead`).

A lap that ends where it began with every register it uses unchanged, and that stores only what
stands there already, is followed by laps that do the same, until a byte it looks at changes.
"""

from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from emu.boot.disasm import Instruction
from emu.hw import vmcb
from emu.hw.address import Hpa, page_of
from emu.hw.context import GENERAL
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.machine import ahead
from emu.machine.board import Board

LAP_MAX: Final = 64
"""Instructions in a loop that may be recognised; wait loops have 3 to 20."""
_OPENS: Final = frozenset(("sti", "popf", "popfd", "popfq", "iret", "iretd", "iretq"))
"""Instructions that may let an interrupt in."""
WATCHED: Final = (*GENERAL, "rflags")
_CLOCK_MSRS: Final = frozenset((0x10, 0x40000020))


def harmless(cpu: Cpu, exit_: Exit) -> bool:
    """Whether an exit has no effect outside the CPU: PAUSE, or reading a clock."""
    if exit_.kind is not ExitKind.INTERCEPT:
        return False
    if exit_.code == vmcb.EXIT_MSR:
        return cpu.registers.get("rcx") & 0xFFFFFFFF in _CLOCK_MSRS
    return exit_.code in (vmcb.EXIT_PAUSE, vmcb.EXIT_RDTSC)


Needs = tuple[tuple[str, int], ...]
"""Registers and values: CPUs that share them at one head do the same, memory being the same."""


class Loop(Struct, frozen=True):
    """A lap that comes round. CPUs in the same loop share one."""

    head: int
    lap_ps: int
    path: tuple[int, ...]
    straight: tuple[int, ...]
    """For each of the path: so many instructions are certain to follow each other from there
    on, up to one that may go elsewhere."""
    reads: tuple[tuple[Hpa, int, int], ...]
    """(HPA, bytes, GVA) of all that it looks at."""
    stores: tuple[tuple[Hpa, int], ...]
    """(HPA, bytes) of all that it stores to; it leaves there what it found."""
    values: tuple[bytes, ...]
    """What stood in all that it reads, and then in all that it stores to."""
    pages: frozenset[int]
    """Pages of linear addresses that it touches, code and data."""
    clock: bool
    """It reads a clock, so it may end on its own."""
    pauses: bool
    """It executes PAUSE."""
    opens: bool
    """It may let an interrupt in on its way, whatever the flags are at its head."""
    uses: tuple[tuple[str, int], ...]
    """Registers whose value matters to it, with the value."""
    unequal: tuple[tuple[str, int, int], ...]
    """(register, mask, value): all that matters of this register is that, masked, it is not
    this value. That is how a mailbox loop uses the APIC id of its CPU."""

    @property
    def watched(self) -> tuple[tuple[Hpa, int], ...]:
        """The places of `values`. A place that is only stored to counts too: who changes it
        finds the loop's own value there a lap later."""
        return (*((hpa, count) for hpa, count, _ in self.reads), *self.stores)

    def takes(self, cpu: Cpu) -> bool:
        """Whether another CPU at the same head would go round in this very loop."""
        get = cpu.registers.get
        return all(get(name) == value for name, value in self.uses) and all(
            get(name) & mask != value for name, mask, value in self.unequal
        )


class LapTouch(Struct, frozen=True):
    """One memory operand of an instruction that is about to run."""

    gva: int
    size: int
    access: str
    pieces: tuple[tuple[Hpa, int], ...]
    before: tuple[bytes, ...]
    """What stands in the pieces, if it stores there."""


class LapStep(Struct, frozen=True):
    """An instruction that is about to run, and all that it touches."""

    code: Instruction
    linear: int
    touches: tuple[LapTouch, ...]

    @property
    def pages(self) -> set[int]:
        """Pages of linear addresses."""
        found = {page_of(self.linear), page_of(self.linear + self.code.size - 1)}
        for one in self.touches:
            found |= {page_of(one.gva), page_of(one.gva + one.size - 1)}
        return found


class Lap(Struct):
    """A lap as it is being executed."""

    head: int
    start_ps: int
    values: dict[str, int]
    rest: bytes
    path: list[int] = field(default_factory=list)
    code: list[Instruction] = field(default_factory=list)
    reads: dict[tuple[Hpa, int], int] = field(default_factory=dict)
    loaded: dict[tuple[Hpa, int], bytes] = field(default_factory=dict)
    """What stood there when it was loaded."""
    disturbed: bool = False
    """Two loads of one place have found different things."""
    writes: dict[tuple[Hpa, int], bytes] = field(default_factory=dict)
    pages: set[int] = field(default_factory=set)
    compared: dict[int, tuple[Hpa, int]] = field(default_factory=dict)
    """Index of an instruction with one memory operand -> where that lies."""
    clock: bool = False
    pauses: bool = False
    noted: int = -1
    """The CPU's `ticks` before the last instruction of the path."""
    behind: tuple[LapStep, ...] = ()
    """Looked at together with that one: they are of the path as soon as they are begun."""

    @classmethod
    def begin(cls, cpu: Cpu) -> "Lap":
        """A lap whose head is the CPU's next instruction."""
        context = cpu.registers
        values = {name: context.get(name) for name in WATCHED}
        return cls(context.rip, cpu.clock_ps, values, context.beyond_general())

    def copy(self) -> "Lap":
        """The lap as far as it has come."""
        return replace(
            self, path=list(self.path), code=list(self.code), reads=dict(self.reads),
            loaded=dict(self.loaded), writes=dict(self.writes), pages=set(self.pages),
            compared=dict(self.compared),
        )  # fmt: skip

    def exited(self, exit_: Exit) -> None:
        """A harmless exit is part of the lap."""
        self.pauses |= exit_.code == vmcb.EXIT_PAUSE
        self.clock |= exit_.code != vmcb.EXIT_PAUSE

    def look(self, board: Board, cpu: Cpu, most: int = 1, loop: Loop | None = None) -> int:
        """Note what the next instruction reads and writes. How many, `most` at most, may run
        now before the next look; 0 if it cannot be judged. Those behind the first touch only
        what a lap of `loop` does."""
        self.settle(cpu.ticks)
        if self.noted == cpu.ticks:
            return 1  # it was looked at before somebody stopped here
        self.noted = cpu.ticks
        context = cpu.registers
        left = LAP_MAX - len(self.path)
        if left <= 0 or context.mode == "real" or not self._left_alone(board):
            return 0
        found = ahead.straight(
            board.code.ahead(context, ahead.BYTES), context.rip, context.mode
        )
        # REP takes more instructions than one, and where the decoder does not know all that is
        # read and written, a wait could rest on something that is not watched.
        if not found or found[0].repeats or not found[0].exact:
            return 0
        if found[0].mnemonic in _OPENS and board.vmm.vps[cpu.id].pending:
            return 0  # what waits may be taken in the middle of a lap
        at = context.linear_rip
        first = _seen(board, cpu, found[0], at)
        if first is None:
            self.code.append(found[0])
            return 0
        if most > 1 and len(found) > 1:
            self.behind = self._behind(board, cpu, found[1 : min(most, left)], at, loop)
        self._loads(board, (first, *self.behind))
        self._note(first)
        return 1 + len(self.behind)

    def _loads(self, board: Board, steps: tuple[LapStep, ...]) -> None:
        """Note what is about to be loaded: a lap may last several slices, and what others store
        behind a load has not been seen by it."""
        for step in steps:
            for one in step.touches:
                if "r" not in one.access:
                    continue
                for place in one.pieces:
                    value = board.memory.read(*place)
                    self.disturbed |= place in self.reads and self.loaded[place] != value
                    self.loaded[place] = value

    def _behind(
        self, board: Board, cpu: Cpu, found: tuple[Instruction, ...], at: int, loop: Loop | None
    ) -> tuple[LapStep, ...]:
        rip, behind = cpu.registers.rip, []
        for code in found:
            alone = code.address == self.head or code.mnemonic in _OPENS
            one = None if alone else _seen(board, cpu, code, at + code.address - rip)
            if one is None or (loop is not None and not _within(one, loop)):
                break
            behind.append(one)
        return tuple(behind)

    def settle(self, ticks: int) -> None:
        """The CPU has come to `ticks`: what it has begun of the instructions that were looked
        at together is of the path, and the rest is not."""
        if not self.behind:
            return
        behind, done = self.behind, ticks - self.noted
        self.behind = ()
        for one in behind[:done]:
            self._note(one)
        if 0 < done <= len(behind):
            self.noted = ticks  # it was stopped in this one, as if it had been run alone

    def _note(self, seen: LapStep) -> None:
        code = seen.code
        self.path.append(code.address)
        self.code.append(code)
        self.pages |= seen.pages
        for one in seen.touches:
            # An operand over two pages has no one place to compare with: it is simply used.
            if len(one.pieces) == 1:
                self.compared[len(self.path) - 1] = one.pieces[0]
            for place in one.pieces:
                if "r" in one.access and place not in self.writes:
                    self.reads[place] = one.gva  # what it stored itself is no reason to wake
            for place, before in zip(one.pieces, one.before, strict=False):
                self.writes.setdefault(place, before)

    def _left_alone(self, board: Board) -> bool:
        """Whether memory is as the lap found it. It must be all along and not only at the end:
        others would see what it stores for a while (an attempt that is given back) again and
        again from a CPU that runs, and never or for ever from one that sleeps."""
        read = board.memory.read
        # Most laps store nothing, and this is asked before each of their instructions.
        return not self.writes or all(read(*at) == old for at, old in self.writes.items())

    def _is_heard(self, board: Board) -> bool:
        """Whether a CPU may wake at every lap, by MWAIT, since it stores to its line."""
        pages = board.monitored
        return bool(pages) and any(board.ram.page_at(hpa) in pages for hpa, _ in self.writes)

    def keeps_to(self, loop: Loop) -> bool:
        """Whether, up to what `look` saw last, it touches only what a lap of a loop does."""
        return self.pages <= loop.pages and self.writes.keys() <= set(loop.stores)

    def loop(self, board: Board, cpu: Cpu) -> Loop | None:
        """The loop, if this lap has come round; asked when the CPU is back at the head."""
        read, context = board.memory.read, cpu.registers
        if self.disturbed or not self._left_alone(board) or self._is_heard(board):
            return None
        if any(read(*place) != self.loaded[place] for place in self.reads):
            return None
        uses, unequal = self._uses(board, cpu)
        checked = (*uses, *(name for name, _, _ in unequal))
        # A register that the lap sets before it reads it may differ: no later lap can tell.
        if any(context.get(name) != self.values[name] for name in checked):
            return None
        if context.beyond_general() != self.rest:
            return None
        return Loop(
            head=self.head,
            lap_ps=cpu.clock_ps - self.start_ps,
            path=tuple(self.path),
            straight=self._straight(),
            reads=tuple((hpa, count, gva) for (hpa, count), gva in self.reads.items()),
            stores=tuple(self.writes),
            values=tuple(read(*place) for place in (*self.reads, *self.writes)),
            pages=frozenset(self.pages),
            clock=self.clock,
            pauses=self.pauses,
            opens=any(code.mnemonic in _OPENS for code in self.code),
            uses=tuple((name, self.values[name]) for name in uses),
            unequal=unequal,
        )

    def _straight(self) -> tuple[int, ...]:
        found: list[int] = []
        for code in reversed(self.code):
            leads_on = code.kind == "other" or (code.kind in ("jump", "call") and code.target)
            found.append(1 + (found[-1] if found and leads_on else 0))
        return tuple(reversed(found))

    def needs(self) -> "Needs":
        """The registers that decided what it did so far, with their values at the head."""
        is_set = {"rip"}
        found: dict[str, int] = {}
        for code in self.code:
            found |= {name: self.values[name] for name in code.reads - is_set}
            is_set |= code.writes
        return tuple(sorted(found.items()))

    def _uses(
        self, board: Board, cpu: Cpu
    ) -> tuple[tuple[str, ...], tuple[tuple[str, int, int], ...]]:
        """Registers read before they are set, apart from those only compared for equality."""
        live: dict[str, list[int]] = {}
        is_set = {"rip"}
        for index, code in enumerate(self.code):
            for name in sorted(code.reads - is_set):
                live.setdefault(name, []).append(index)
            is_set |= code.writes
        uses, unequal = [], []
        for name, places in live.items():
            found = self._comparison(board, cpu, name, places[0]) if len(places) == 1 else None
            if found is None:
                uses.append(name)
            else:
                unequal.append(found)
        return tuple(uses), tuple(unequal)

    def _comparison(
        self, board: Board, cpu: Cpu, name: str, index: int
    ) -> tuple[str, int, int] | None:
        """A `cmp` with a register before JE or JNE that found the two unequal."""
        code = self.code[index]
        after = self.code[index + 1] if index + 1 < len(self.code) else None
        if code.mnemonic != "cmp" or after is None or after.mnemonic not in ("je", "jne"):
            return None
        # The flags must be used by nobody else than this jump, and the register neither as an
        # address nor twice: then all that its value decides is that the two are not equal.
        other = self._other(board, cpu, name, index)
        if other is None:
            return None
        size, value = other
        mask = (1 << 8 * size) - 1
        return None if (self.values[name] ^ value) & mask == 0 else (name, mask, value & mask)

    def _other(self, board: Board, cpu: Cpu, name: str, index: int) -> tuple[int, int] | None:
        """(bytes, value) of what a register was compared with: a place in memory, or another
        register that the lap had set before and has not set since."""
        code = self.code[index]
        if len(code.memory) == 1:
            operand = code.memory[0]
            if name in (operand.base, operand.index):
                return None
            read = board.memory.read(*self.compared[index])
            return operand.size, int.from_bytes(read, "little")
        size, others = code.compares, code.reads - {name, "rflags"}
        if not size or len(others) != 1:
            return None
        (other,) = others
        if not any(other in one.writes for one in self.code[:index]):
            return None
        if any(other in one.writes for one in self.code[index:]):
            return None
        return size, cpu.registers.get(other)


def _seen(board: Board, cpu: Cpu, code: Instruction, linear: int) -> LapStep | None:
    """An instruction with what it would touch now; None where that is not mapped."""
    if not code.memory:
        return LapStep(code, linear, ())
    context, touches = cpu.registers, []
    for operand in code.memory:
        gva = operand.address(context.get, code)
        pieces = board.virtual.pieces(context, gva, operand.size)
        if pieces is None:
            return None
        stores = pieces if "w" in operand.access else ()
        before = tuple(board.memory.read(*place) for place in stores)
        touches.append(LapTouch(gva, operand.size, operand.access, tuple(pieces), before))
    return LapStep(code, linear, tuple(touches))


def _within(seen: LapStep, loop: Loop) -> bool:
    """Whether an instruction touches only what a lap of a loop does."""
    stores = {place for one in seen.touches if one.before for place in one.pieces}
    return seen.pages <= loop.pages and stores <= set(loop.stores)
