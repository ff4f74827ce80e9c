"""Notes what the rules about CPUs look at, when a CPU leaves the guest or comes to rest.

It judges nothing, and the guest cannot tell. It is asked at every exit, so it looks at a
register there; whatever costs more is done only where something is another than before.
"""

from typing import Final

from emu.hw.cpu import Cpu
from emu.machine.apic_ids import ApicIds
from emu.machine.arrivals import Passed
from emu.machine.board import Board
from emu.machine.clocks_apart import Clocks
from emu.machine.failed_calls import FailedCalls
from emu.machine.handlers import Handlers
from emu.machine.lap import Loop
from emu.machine.notes import Notes, Question
from emu.machine.shared_bases import SharedBases
from emu.machine.stacks import Stacks
from emu.machine.start_cells import StartCells
from emu.machine.tracked import PageStore
from emu.machine.witness import Witness
from emu.mailbox.ap import WAKEUP
from emu.mailbox.layout import COMMAND, read_head
from emu.vmm.asked import Asked, Cpuid, Hlt, PauseHint, Rdmsr, Rdtsc, Tdcall, Vmcall
from emu.vmm.effects import RaiseException

_ASKS: Final = frozenset((Rdmsr, Cpuid, Tdcall, Vmcall))
"""Of these it matters how they were asked when they are answered."""
_HALT: Final = 0xC
"""TDG.VP.VMCALL<HLT> (GHCI 1.5, table 2-3)."""


class CpuWitness:
    """One part for each subject."""

    def __init__(self, board: Board, witness: Witness) -> None:
        self.notes = notes = Notes(board, witness)
        self.stacks, self.bases = Stacks(notes), SharedBases(notes)
        self.ids, self.clocks = ApicIds(notes), Clocks(notes)
        self.handlers, self.calls = Handlers(notes), FailedCalls(notes)
        self.cells = StartCells(notes)
        self._by_apic_id = dict(zip(board.platform.apic_ids, board.cpus, strict=True))
        self.parts = (
            notes, self.stacks, self.bases, self.ids, self.clocks, self.handlers, self.cells,
        )  # fmt: skip
        """Those that save and load themselves."""

    def asks(self, cpu: Cpu, asked: Asked) -> Question | None:
        """An exit is about to be answered; what is to be given to `answered` then."""
        if asked.__class__ in _ASKS:
            return Question(cpu.registers.rip, cpu.registers.get("r12"))
        return None

    def answered(self, cpu: Cpu, asked: Asked, question: Question | None) -> None:
        """An exit has been answered. Of PAUSE there are many, and none says anything new."""
        kind = asked.__class__
        if kind is PauseHint or not self.notes.on:
            return
        self.stacks.look(cpu)
        if self.handlers.taken:
            self.handlers.look(cpu)
        if question is not None:
            self.ids.answered(cpu, asked, question)
            self.calls.answered(cpu, asked, question)
        if kind is Rdtsc or kind is Rdmsr:
            self.clocks.answered(cpu, asked)
        elif kind is Hlt or (isinstance(asked, Tdcall) and asked.subfunction == _HALT):
            self._rests(cpu)

    def passed(self, cpu: Cpu, passed: Passed) -> None:
        """A CPU is about to execute at an address that matters."""
        if not self.notes.on:
            return
        if passed.arrives:
            self.stacks.begins(cpu.id)
            self.cells.begins(cpu)
        elif passed.reached is not None and "online" in passed.reached.roles:
            self.bases.settled(cpu)

    def started(self, cpu: Cpu, target: Cpu) -> None:
        """A CPU had another one started, which has not executed anything yet."""
        if self.notes.on:
            self.stacks.begins(target.id)
            self.cells.given(target, target.registers.linear_rip, cpu.id)

    def stored(self, store: PageStore) -> None:
        """A store to a page that somebody watches: of the mailbox, a Wakeup counts."""
        if not store.fields or not self.notes.on:
            return
        head = read_head(store.now)
        if head.command != WAKEUP or store.fields[0][0] is not COMMAND:
            return
        target = self._by_apic_id.get(head.apic_id)
        if target is not None and target.lives:
            by = None if store.cpu is None else store.cpu.id
            self.cells.given(target, head.vector, by)

    def slice_begins(self, cpu: Cpu) -> None:
        """A CPU is about to run on, maybe from its very first instruction."""
        begun = self.cells.waiting.get(cpu.id)
        if begun is not None and self.notes.on and cpu.registers.linear_rip == begun.begin:
            self.cells.begins(cpu)

    def waited(self, cpu: Cpu, loop: Loop) -> None:
        """A CPU begins to sleep in a loop."""
        if not self.notes.on:
            return
        self.stacks.look(cpu)
        self.bases.settled(cpu)
        if not loop.reads and not loop.clock:
            self.handlers.rests(cpu)

    def raised(self, cpu: Cpu, effect: RaiseException) -> None:
        """A CPU has entered the handler of an exception, or of an interrupt."""
        if self.notes.on and not effect.software:
            self.bases.settled(cpu)
            if effect.why.startswith("#"):
                self.handlers.entered(cpu, effect.why, effect.error_code is not None)

    def _rests(self, cpu: Cpu) -> None:
        self.bases.settled(cpu)
        self.handlers.rests(cpu)
