"""The machine: a board, its parts, and the run of one CPU.

Reading order: `run` drives one CPU through a slice of virtual time; `_advance` runs guest code
up to an exit, and `exit_` sends what the engine reports to `exits.decide`; `apply.carry_out`
does what was decided. Whoever is told of something stands in `_wire`, and nowhere else.
"""

from emu.boot.layout import BootLayout
from emu.boot.platform import Platform
from emu.hw.cpu import Cpu
from emu.hw.engine_alone import STORES_MAX
from emu.hw.exit import Exit, ExitKind
from emu.hw.vmcb import EXIT_IRET, EXIT_NPF
from emu.machine import (
    apply,
    by_hand,
    control_writes,
    device_pages,
    exits,
    ipi,
    no_execute,
    quirks,
)
from emu.machine.arrivals import Arrivals
from emu.machine.board import WORK_OF_AN_ENTRY, WORK_OF_AN_EXIT
from emu.machine.build import board_of
from emu.machine.cpu_witness import CpuWitness
from emu.machine.descriptor_loads import DescriptorLoads
from emu.machine.guards import Guards
from emu.machine.host_steps import HostSteps
from emu.machine.injected import Deed, Injected
from emu.machine.lap import Loop
from emu.machine.mailbox_events import MailboxEvents
from emu.machine.mailbox_search import MailboxSearch
from emu.machine.memory_log import MemoryLog
from emu.machine.monitors import Monitors
from emu.machine.own_access import OwnAccess
from emu.machine.own_code import OwnCode
from emu.machine.pause import Pause
from emu.machine.private_bytes import PrivateBytes
from emu.machine.store_buffers import StoreBuffers
from emu.machine.stores import Stores
from emu.machine.timers import Alarm, Timers
from emu.machine.tracked import TrackedPages
from emu.machine.trapped_writes import TrappedWrites
from emu.machine.trial import Trials
from emu.machine.waits import Waits
from emu.machine.witness import Witness
from emu.vmm.asked import Asked
from emu.vmm.effects import Effects


class MachineDeed(Deed, frozen=True):
    """What an injection does to a machine."""

    def happen(self, machine: "Machine", met_by: Cpu | None) -> None:
        """Do it; `met_by`: the CPU whose doing was waited for. Raises CommandError where it
        cannot be done, and then nothing has changed."""
        raise NotImplementedError


class Machine:
    """Everything of one machine. Only a Session holds one."""

    def __init__(self, platform: Platform, layout: BootLayout, seed: int) -> None:
        self.board = board = board_of(platform, layout, seed)
        self.tracked = TrackedPages(board)
        self.stores = Stores(board, self.tracked)
        self.own = OwnAccess(board, self.stores)
        self.guards = Guards(board, self.tracked)
        self.private = PrivateBytes(board, self.stores)
        self.trials = Trials(board, self.guards, self.private, self.answer)
        self.waits = Waits(board, self.tracked, self.trials)
        self.monitors = Monitors(board, self.tracked, self.waits)
        self.witness = Witness(board, self.guards, self.trials)
        self.cpu_witness = CpuWitness(board, self.witness)
        self.injected = Injected(board, self._do)
        self.store_buffers = StoreBuffers(board, self.private, self.waits)
        self.trapped = TrappedWrites(board, self.tracked, self.store_buffers)
        self.memory_log = MemoryLog(board, self.tracked)
        self.host_steps = HostSteps(board)
        self.arrivals = Arrivals(board)
        self.timers = Timers(board, self.waits, self.monitors)
        self._wire()

    def _wire(self) -> None:
        """Who is told of what, in which order: of equal moments the order is the guest's."""
        board = self.board
        board.listeners = (self.injected,)
        self.tracked.listeners = (
            MailboxEvents(board), self.memory_log, self.witness, self.guards, self.cpu_witness,
            self.waits, self.monitors, self.injected,
        )  # fmt: skip
        self.tracked.touches = (self.monitors,)
        search = MailboxSearch(board, self.tracked, self.waits, self._waited)
        self.arrivals.listeners = (
            self.injected, search, self.witness, self.cpu_witness,
        )  # fmt: skip
        self.alarms: tuple[Alarm, ...] = (self.injected, self.store_buffers, self.timers)
        if board.mailbox_gpa is not None:
            self.tracked.add(board.mailbox_gpa, "mailbox")
        board.npt.seal()
        board.memory.before_write = board.undo.note
        board.engine.absorb = self.guards.absorb
        board.engine.loads = DescriptorLoads(board, self.own)
        board.engine.own_code = OwnCode(board.engine, board.npt, board.undo, board.virtual)

    def switch_to(self, cpu: Cpu) -> None:
        """Begin a slice: translations of the CPU before must not be used."""
        board = self.board
        self.guards.begin(cpu)
        self.cpu_witness.slice_begins(cpu)
        board.engine.flush_tlb()
        self.private.look(cpu.id)
        board.reschedule = False
        board.beat += 1

    def run(self, cpu: Cpu, until_ps: int, tick: int, beat: int = 0) -> Pause:
        """Run one CPU to a moment of its clock, a tick and a beat, or a stop."""
        board = self.board
        others, clock_ps, beats = board.tick - cpu.ticks, cpu.clock_ps, board.beat
        pause = self.go_on(cpu, until_ps, tick, beat)
        assert board.tick - cpu.ticks == others, "in its slice nobody else executes"
        assert cpu.clock_ps >= clock_ps and board.beat >= beats, "time does not go back"
        asleep = cpu.id in self.waits.waiting
        assert asleep == (cpu.activity == "waiting"), "whoever waits is known to wait"
        return pause

    def go_on(self, cpu: Cpu, until_ps: int, tick: int, beat: int) -> Pause:
        """The same in the middle of a step or slice. BUDGET comes before the tick where the
        host has had enough to do: see STORES_MAX."""
        board, injected = self.board, self.injected
        vp, enough = board.vmm.vps[cpu.id], board.engine.stores + STORES_MAX
        while cpu.activity == "running" and cpu.clock_ps < until_ps:
            if board.powered_off or board.crash:
                return Pause.OUTCOME
            if board.tick >= tick and board.beat >= beat:
                return Pause.BUDGET
            if board.reschedule:
                break  # here and not behind guest code: where somebody stops must not matter
            if board.tick >= injected.next_tick:
                injected.at_tick(cpu)
                continue
            if board.vmm.timers and self._timer(cpu):
                continue
            if vp.pending and ipi.take_interrupt(self, cpu):
                continue
            end = injected.next_tick
            budget = (tick if tick < end else end) - board.tick
            if budget < 1:
                budget = 1  # the tick is passed, only beats are missing
            if board.vmm.timers:
                budget = min(budget, self.timers.most(cpu))
            if self._advance(cpu, until_ps, budget):
                return Pause.BREAKPOINT
            if board.engine.stores >= enough:
                return Pause.BUDGET
        return Pause.OUTCOME if board.powered_off or board.crash else Pause.SLICE

    def _timer(self, cpu: Cpu) -> bool:
        """Whether the CPU's timer has come to its end."""
        effects = self.timers.rings(cpu)
        if not effects:
            return False
        self.board.beat += 1
        apply.carry_out(self, cpu, effects)
        return True

    def _advance(self, cpu: Cpu, until_ps: int, budget: int) -> bool:
        """One stretch of guest code and the exit that ended it; True at a breakpoint."""
        board, waits = self.board, self.waits
        wanted = -(-(until_ps - cpu.clock_ps) // cpu.ps_per_instruction)
        limit = wanted if wanted < budget else budget
        if self.private.hidden and self.private.careful(cpu):
            limit = 1
        window = False
        if board.vmm.vps[cpu.id].pending:
            window = ipi.awaits_window(board, cpu)
            if cpu.registers.holds_interrupts:
                limit = 1  # an NMI is held as well, and has no window
        few = waits.tracing(cpu, limit) if cpu.id in waits.laps else 0
        limit = few or limit
        board.at_work = cpu.id
        board.work += WORK_OF_AN_ENTRY
        exit_ = board.engine.run(cpu.registers, limit, cpu.skip, window)
        return self.ended(cpu, until_ps, exit_, limit, few > 0)

    def ended(self, cpu: Cpu, until_ps: int, exit_: Exit, limit: int, tracing: bool) -> bool:
        """A stretch of at most `limit` instructions has come to an exit, which is handled; True
        at a breakpoint."""
        board, waits = self.board, self.waits
        if exit_.executed:
            board.retire(cpu, exit_.executed)
        if exit_.code == EXIT_NPF:
            exit_ = no_execute.go_on(board, cpu, exit_, limit, cpu.skip)
        if exit_.code in control_writes.CODES:
            exit_ = control_writes.go_on(board, cpu, exit_)
            if exit_.code not in control_writes.CODES:
                self.monitors.disarm(cpu)
        if exit_.code == EXIT_IRET:
            exit_ = ipi.end_nmi(board, cpu, exit_)
        if board.probes:
            board.compare("walk")
        if exit_.kind is ExitKind.BREAKPOINT:
            return self.arrivals.stops_at(cpu, exit_.code)
        cpu.skip = None
        if exit_.kind is not ExitKind.BUDGET:
            tracing = tracing or (waits.on and not board.by_hand and waits.suspect(cpu, exit_))
            board.work += WORK_OF_AN_EXIT
            exit_ = self.exit_(cpu, exit_)
        if tracing:
            loop = waits.stepped(cpu, exit_)
            if loop is not None:
                self._waited(cpu, loop)
        elif cpu.clock_ps >= until_ps and not board.by_hand:
            waits.slice_ended(cpu)
        return False

    def _waited(self, cpu: Cpu, loop: Loop) -> None:
        """A CPU begins to sleep in a loop."""
        self.arrivals.waits(cpu, loop)
        self.witness.waited(cpu, loop)
        self.cpu_witness.waited(cpu, loop)

    def steps(self, cpu: Cpu, count: int = 1) -> int:
        """At most `count` steps of one CPU by hand, and how many there were (see `by_hand`)."""
        return by_hand.steps(self, cpu, count)

    def exit_(self, cpu: Cpu, exit_: Exit) -> Exit:
        """Undo what only the emulator causes; everything else is decided and carried out. What
        is left of the exit for the guest: BUDGET if the instruction has simply run."""
        ticks = cpu.ticks
        accesses = exit_.code in quirks.OF_ACCESSES
        trapped = self.trapped.write(cpu, exit_) if accesses else None
        if trapped is not None:
            if trapped.exit.kind is not ExitKind.BUDGET:
                return self.exit_(cpu, trapped.exit)
            if not trapped.changed:
                self.waits.stored_nothing(cpu)
                if self.board.mailbox_gpa in trapped.pages:
                    self.witness.stored_nothing(cpu, trapped.at)
            return trapped.exit
        left = quirks.repair(self.board, cpu, exit_) if accesses else None
        if left is None and accesses:
            left = device_pages.lend(self, cpu, exit_)
        if left is None:
            self._decided(cpu, exit_)
        else:
            if left.kind is not ExitKind.BUDGET:
                self.exit_(cpu, left)
            if cpu.ticks == ticks:
                cpu.skip = self.board.linear_rip(cpu)
        if cpu.ticks == ticks:
            self.board.beat += 1
        if self.board.probes:
            self.board.compare("host")
        return exit_

    def _decided(self, cpu: Cpu, exit_: Exit) -> None:
        """The guest's own exit: into the log, to whoever waits for it, and answered."""
        board = self.board
        asked = board.ask(cpu, exit_)
        board.count_exit(asked)
        if self.host_steps.awaited:
            self.host_steps.asked(cpu, asked)
        tick, clock_ps = board.tick, cpu.clock_ps
        if self.injected.armed:
            self.injected.at_exit(cpu, asked)
        call = self.witness.before_answer(cpu, asked)
        question = self.cpu_witness.asks(cpu, asked)
        effects = self._effects(cpu, asked)
        price_ps = apply.carry_out(self, cpu, effects, asked.size)
        board.logs.exits.note(tick, clock_ps, cpu.id, asked, price_ps, effects)
        if call is not None:
            self.witness.answered(cpu, call)
        self.cpu_witness.answered(cpu, asked, question)

    def answer(self, cpu: Cpu, asked: Asked) -> int:
        """Decide what was asked, and carry the decision out; its price in picoseconds."""
        return apply.carry_out(self, cpu, self._effects(cpu, asked), asked.size)

    def _effects(self, cpu: Cpu, asked: Asked) -> Effects:
        """What comes of what was asked, with what injections make of it."""
        effects = exits.decide(self.board, cpu, asked)
        if self.injected.twists:
            effects = self.injected.twisted(cpu, asked, effects)
        return effects

    def _do(self, deed: Deed, met_by: Cpu | None) -> None:
        assert isinstance(deed, MachineDeed), "only these can be armed"
        deed.happen(self, met_by)
