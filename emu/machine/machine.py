"""The machine: the one place where exits are handled, effects applied and events made.

Reading order: `run` drives one CPU through a slice of virtual time; `_exit` sends what the
engine reports to `exits.decide`, and `apply.carry_out` does what was decided.
"""

from enum import Enum
from typing import Final

from emu.boot.loader import BootLayout
from emu.boot.platform import Platform
from emu.hw.address import PAGE_BYTES, Gpa, Hpa, align_up
from emu.hw.cpu import Activity, Cpu
from emu.hw.engine import LOW_HOST_BYTES, Engine, Exit, ExitKind
from emu.hw.memory import HostMemory
from emu.hw.nested import NestedPageTable
from emu.hw.vmcb import EXIT_NPF, VMCB_BYTES, GuestState
from emu.machine import apply, entry, exits, handover, no_execute, quirks
from emu.machine.access import VirtualMemory
from emu.machine.ask import read_exit
from emu.machine.code import CodeReader
from emu.machine.event import Event, EventKind, MailboxWrite, Milestone
from emu.machine.guards import Guards
from emu.machine.injected import Injected
from emu.machine.log import Turn
from emu.machine.logs import Logs
from emu.machine.own_code import OwnCode
from emu.machine.places import Places
from emu.machine.probe import Probe
from emu.machine.ram import SHARED_ALIAS, GuestRam
from emu.machine.timers import Alarm, Timers
from emu.machine.tracked import TrackedPages
from emu.machine.undo import UndoLog
from emu.machine.waits import Waits
from emu.machine.witness import Witness
from emu.mailbox import protocol
from emu.vmm.asked import Asked
from emu.vmm.asked_words import name_of
from emu.vmm.devices import NONE, STANDARD
from emu.vmm.hypercalls import hypercall_page
from emu.vmm.state import Caller, VmmState, VpState

HYPERCALL_CODE: Final = Hpa(LOW_HOST_BYTES)
"""The host's page that overlays the guest's hypercall page: VMMCALL; RET."""
VMCBS: Final = Hpa(1 << 20)
TABLES: Final = Hpa(16 << 20)
GUEST: Final = Hpa(64 << 20)
"""Guest memory begins here in the host, so a GPA never equals its HPA."""
INTERRUPT_POLL: Final = 200
"""Of a CPU's own instructions: so many lie between two looks at IF while an interrupt is
pending. They are counted from the CPU's start, so that stops change nothing."""
VMMCALL: Final = b"\x0f\x01\xd9"


class Pause(Enum):
    """Why `Machine.run` came back."""

    SLICE = "the slice is over"
    BUDGET = "the instruction budget is used up"
    BREAKPOINT = "a breakpoint was reached"
    OUTCOME = "the machine stopped for good"
    HUNG = "no CPU can ever run again"
    STUCK = "the watchdog gave up"


class Machine:
    """Everything of one machine. Only a Session holds one."""

    def __init__(self, platform: Platform, layout: BootLayout, seed: int) -> None:
        self.platform = platform
        self.layout = layout
        self.seed = seed
        self.tick = 0
        self.beat = 0
        """Changes so far that took no instruction: slices begun, milestones noted, interrupts
        taken, exceptions raised. (tick, beat) names every state at which a run can stop."""
        self.work = 0
        """Entries into the guest so far: with ticks, a measure of the host's time."""
        self.logs = Logs()
        self.probes: tuple[Probe, ...] = ()
        self.at_work: int | None = None
        """The CPU that the engine runs, or whose exit is handled."""
        self.on_trial = False
        """What is executed now will be taken back."""
        self.exit_counts: dict[str, int] = {}
        self.powered_off, self.crash = False, ""
        self.protocol = protocol.Protocol(platform.apic_ids)
        self.boot_params: int | None = None
        """GPA of the boot_params the kernel was entered with."""
        self._by_hand = False  # a CPU that is stepped is not put to sleep
        self.broken_pages: set[int] = set()
        """Private pages of a TD that the host wrote to."""
        self.reschedule = False
        """Somebody became runnable: the current slice must end."""
        self._build_memory()
        self._build_cpus()
        self.guards = Guards(self)
        self.witness = Witness(self)
        self.injected = Injected(self)
        self.places = Places(self)
        self.timers = Timers(self)
        self.devices = STANDARD
        self.alarms: tuple[Alarm, ...] = (self.injected, self.timers)
        self.npt.seal()
        self.memory.before_write = self.undo.note
        self.engine.absorb = self.guards.absorb
        self.engine.own_code = OwnCode(self.engine, self.npt, self.undo, self.virtual)

    # -- construction -----------------------------------------------------------------------

    def _build_memory(self) -> None:
        """Host memory, the nested table over all banks, and what the loader placed."""
        two_views = self.platform.isolation == "tdx"
        guest_bytes = sum(align_up(size, PAGE_BYTES) for _, size in self.layout.ram)
        self.memory = HostMemory(GUEST + guest_bytes * (2 if two_views else 1))
        self.shared_alias = SHARED_ALIAS
        self.hypercall_code = HYPERCALL_CODE
        self.memory.write(HYPERCALL_CODE, hypercall_page(VMMCALL))
        self.engine = Engine(self.memory)
        self.ram = GuestRam(self.memory, self.layout.ram, GUEST, two_views)
        self.npt = NestedPageTable(self.memory, TABLES, Hpa(GUEST - TABLES))
        isolated = self.platform.isolation != "none"
        for bank in self.ram.banks:
            count = bank.size // PAGE_BYTES
            self.ram.set_state(bank, bank.gpa, count, "unaccepted" if isolated else "shared")
            if not isolated:
                self.npt.map(bank.gpa, bank.hpa, count)
        if isolated:
            for gpa, size in self.layout.accepted:
                apply.set_page_state(self, Gpa(gpa), size // PAGE_BYTES, "private", zero=False)
        for gpa, data in self.layout.chunks:
            hpa = self.ram.hpa(gpa)
            assert hpa is not None, f"the loader placed bytes at {gpa:#x}, outside memory"
            self.memory.write(hpa, data)
        self.virtual = VirtualMemory(self.ram, self.npt)
        self.code = CodeReader(self.memory, self.npt)
        self.tracked = TrackedPages(self)
        self.waits = Waits(self)
        self.undo = UndoLog(self.memory, self.npt)

    def _build_cpus(self) -> None:
        """Every CPU off (or waiting for a SIPI), but the BSP at its first instruction."""
        platform = self.platform
        rate = platform.costs.instructions_per_ns
        self.cpus = tuple(
            Cpu(index, apic_id, Hpa(VMCBS + VMCB_BYTES * index), round(1000 / (rate * speed)))
            for index, (apic_id, speed) in enumerate(
                zip(platform.apic_ids, platform.speeds, strict=True)
            )
        )
        self.vmm = VmmState([VpState(apic_id) for apic_id in platform.apic_ids])
        if platform.start == "sipi":
            for cpu in self.cpus[1:]:
                self.turn(cpu, "wait-for-sipi")
                self.vmm.vps[cpu.id].wait_for_sipi = True
        self.vmm.vps[0].started = self.vmm.vps[0].vtl2_enabled = True
        self.start(self.cpus[0], entry.from_loader(self.layout.entry))
        mailbox = self.layout.mailbox_gpa
        if mailbox is None:
            places = self.layout.symbols.find("mailbox_page")
            mailbox = places[0] if places else None
        self.mailbox_gpa = None if mailbox is None else Gpa(mailbox)
        if self.mailbox_gpa is not None:
            self.tracked.add(self.mailbox_gpa, "mailbox")

    def start(self, cpu: Cpu, state: GuestState) -> None:
        """Put a CPU at the beginning of `state`; its clock is the caller's business."""
        cpu.context = self.engine.enter_guest(cpu.vmcb, state, self.npt.root)
        self.turn(cpu, "running")
        cpu.phase = cpu.milestone = cpu.reason = ""
        cpu.skip = None
        self.reschedule = True

    def turn(self, cpu: Cpu, activity: Activity) -> None:
        """A CPU begins to do something else."""
        cpu.activity = activity
        self.logs.turns.append(Turn(self.tick, cpu.id, activity, cpu.clock_ps))

    # -- events ----------------------------------------------------------------------------

    def event(
        self,
        cpu: Cpu | None,
        kind: EventKind,
        text: str,
        detail: MailboxWrite | Milestone | None = None,
    ) -> None:
        """Append to the log at this tick, on the CPU's clock."""
        index = None if cpu is None else cpu.id
        happened = Event(self.tick, self.nanoseconds(cpu), index, kind, text, detail)
        self.logs.events.append(happened)
        self.injected.at_event(cpu, text)

    def note_exit(self, cpu: Cpu, asked: Asked) -> None:
        """Count an exit and append it to the log of exits."""
        name = name_of(asked)
        self.exit_counts[name] = self.exit_counts.get(name, 0) + 1
        self.logs.exits.note(self.tick, cpu.nanoseconds, cpu.id, asked)

    def nanoseconds(self, cpu: Cpu | None) -> int:
        """The clock of a CPU, or the machine's own for what no CPU did."""
        return cpu.nanoseconds if cpu is not None else self.now_ps() // 1000

    def now_ps(self) -> int:
        """The machine's time: the furthest clock of any CPU that has run."""
        return max(cpu.clock_ps for cpu in self.cpus)

    def caller(self, cpu: Cpu) -> Caller:
        """What a VMM handler gets to see."""
        time = cpu.nanoseconds
        wrong = self.vmm.clocks.get(cpu.id)
        if wrong is not None:
            time = wrong.shows(time)
        return Caller(
            cpu.id, cpu.registers.get, time, self.platform, self.vmm, self.ram, self.devices
        )

    # -- running ----------------------------------------------------------------------------

    def switch_to(self, cpu: Cpu) -> None:
        """Begin a slice: translations of the CPU before must not be used."""
        self.guards.begin(cpu)
        self.engine.flush_tlb()
        self.injected.views.look(cpu.id)
        self.reschedule = False
        self.beat += 1

    def run(self, cpu: Cpu, until_ps: int, tick: int, beat: int = 0) -> Pause:
        """Run one CPU to a moment of its clock, a tick and a beat, or a stop."""
        while cpu.activity == "running" and cpu.clock_ps < until_ps:
            if self.powered_off or self.crash:
                return Pause.OUTCOME
            if self.tick >= tick and self.beat >= beat:
                return Pause.BUDGET
            if self.reschedule:
                break  # here and not behind guest code: where somebody stops must not matter
            if self.tick >= self.injected.next_tick:
                self.injected.at_tick(cpu)
                continue
            if self.vmm.timers and self.timers.rang(cpu):
                continue
            if self.vmm.vps[cpu.id].pending and self._look(cpu):
                continue
            limit = min(tick, self.injected.next_tick)
            budget = max(limit - self.tick, 1)
            if self.vmm.timers:
                budget = min(budget, self.timers.most(cpu))
            if self._advance(cpu, until_ps, budget):
                return Pause.BREAKPOINT
        return Pause.OUTCOME if self.powered_off or self.crash else Pause.SLICE

    def _look(self, cpu: Cpu) -> bool:
        """Whether a pending interrupt was taken: at moments that no stop can move."""
        if not cpu.look and (cpu.ticks % INTERRUPT_POLL or cpu.looked == cpu.ticks):
            return False
        cpu.look, cpu.looked = False, cpu.ticks
        return apply.take_interrupt(self, cpu)

    def _advance(self, cpu: Cpu, until_ps: int, budget: int) -> bool:
        """One stretch of guest code and the exit that ended it; True at a breakpoint."""
        wanted = -(-(until_ps - cpu.clock_ps) // cpu.ps_per_instruction)
        if self.vmm.vps[cpu.id].pending:
            wanted = min(wanted, INTERRUPT_POLL - cpu.ticks % INTERRUPT_POLL)
        tracing = self.waits.tracing(cpu)
        single = self.injected.views.careful(cpu) or tracing
        self.at_work = cpu.id
        self.work += 1
        limit = 1 if single else min(wanted, budget)
        exit_ = self.engine.run(cpu.registers, limit, cpu.skip)
        if exit_.executed:
            self.retire(cpu, exit_.executed)
        if exit_.code == EXIT_NPF:
            exit_ = no_execute.go_on(self, cpu, exit_, limit, cpu.skip)
        for probe in self.probes:
            probe.compare(self, "walk")
        if exit_.kind is ExitKind.BREAKPOINT:
            return self.places.stops_at(cpu, exit_.code)
        cpu.skip = None
        tracing = tracing or (not self._by_hand and self.waits.suspect(cpu, exit_))
        if exit_.kind is not ExitKind.BUDGET:
            cpu.look = True
            exit_ = self.exit_(cpu, exit_)
        if tracing:
            self.waits.stepped(cpu, exit_)
        elif cpu.clock_ps >= until_ps and not self._by_hand:
            self.waits.slice_ended(cpu)
        return False

    def execute_one(self, cpu: Cpu) -> Exit:
        """Run one instruction that was already begun: no breakpoint stops it again."""
        at = self.linear_rip(cpu)
        exit_ = self.engine.run(cpu.registers, 1, at)
        self.retire(cpu, exit_.executed)
        if exit_.code == EXIT_NPF:
            exit_ = no_execute.go_on(self, cpu, exit_, 1, at)
        return exit_

    def retire(self, cpu: Cpu, count: int) -> None:
        """Instructions were executed: ticks and the CPU's clock move on."""
        if self.logs.lanes.cpu != cpu.id and not self.on_trial:
            self.logs.lanes.begin(cpu.id, self.tick, cpu.clock_ps)
        self.tick += count
        cpu.ticks += count
        cpu.clock_ps += count * cpu.ps_per_instruction

    def step(self, cpu: Cpu) -> None:
        """Exactly one instruction of one CPU, or the exception it raises. Nothing that the
        CPU's TLB held before is used."""
        self.tracked.close()
        self.engine.flush_tlb()
        self.injected.views.look(cpu.id)
        self.waits.wake(cpu, self.now_ps())
        self._by_hand = cpu.look = True
        self.reschedule = False
        ticks = cpu.ticks
        for _ in range(exits.EXITS_PER_INSTRUCTION):
            self.places.pass_(cpu, self.linear_rip(cpu))
            faults = len(self.logs.events)
            self.run(cpu, cpu.clock_ps + 1, self.tick + 1)
            if (
                cpu.ticks != ticks
                or len(self.logs.events) != faults
                or cpu.activity != "running"
            ):
                break
        self._by_hand = False

    def exit_(self, cpu: Cpu, exit_: Exit) -> Exit:
        """Undo what only the emulator causes; everything else is decided and carried out. What
        is left of the exit for the guest: BUDGET if the instruction has simply run."""
        ticks = cpu.ticks
        accesses = exit_.code in quirks.OF_ACCESSES
        written = self.tracked.write(cpu, exit_) if accesses else None
        if written is not None:
            return written
        if accesses and quirks.repair(self, cpu, exit_):
            if cpu.ticks == ticks:
                cpu.skip = self.linear_rip(cpu)
        else:
            asked = self.ask(cpu, exit_)
            self.note_exit(cpu, asked)
            self.injected.at_exit(cpu, asked)
            call = self.witness.before_answer(cpu, asked)
            self.answer(cpu, asked)
            if call is not None:
                self.witness.answered(cpu, call)
        if cpu.ticks == ticks:
            self.beat += 1
        for probe in self.probes:
            probe.compare(self, "host")
        return exit_

    def ask(self, cpu: Cpu, exit_: Exit) -> Asked:
        """What the CPU wants that left the guest just now."""
        near = NONE if self.platform.isolation == "tdx" else self.devices
        return read_exit(exit_, cpu.registers, self.code, near)

    def answer(self, cpu: Cpu, asked: Asked) -> None:
        """Decide what was asked, and carry the decision out."""
        effects = exits.decide(self, cpu, asked)
        if self.injected.twists:
            effects = self.injected.twisted(cpu, asked, effects)
        apply.carry_out(self, cpu, effects, asked.size)

    # -- memory -----------------------------------------------------------------------------

    def linear_rip(self, cpu: Cpu) -> int:
        """The linear address of the next instruction."""
        return cpu.registers.linear_rip

    def code_bytes(self, cpu: Cpu) -> bytes:
        """Up to 15 bytes at RIP: one instruction at the most."""
        return self.code.next(cpu.registers)

    def place(self, cpu: Cpu) -> str:
        """Where a CPU is, as a symbol with offset, or the address."""
        address = self.linear_rip(cpu)
        return self.layout.symbols.name(address) or f"{address:#x}"

    def kernel_dtb(self) -> bytes | None:
        """The device tree the kernel was handed, None before that."""
        return handover.kernel_dtb(self)

    def look_at(self, *probes: Probe) -> None:
        """From now on see what happens to these, and to nothing else."""
        self.probes = probes
        self.engine.watches.nothing()
        for probe in probes:
            probe.attach(self)

    def tables_changed(self) -> None:
        """The nested table was edited: what the engine remembers of it is void."""
        self.engine.flush_tlb()
