"""What all parts of a machine share: hardware, clocks, logs, and a few flags.

The board knows no part. Parts are given the board, so it is the one thing by which what one of
them changes is seen by the others; whatever only one of them needs is kept there, not here.
"""

from typing import Final, Literal, NamedTuple, Protocol

from msgspec import Struct, field

from emu.boot.layout import BootLayout
from emu.boot.platform import Platform
from emu.boot.roles import Roles
from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Activity, Cpu
from emu.hw.engine import Engine
from emu.hw.exit import Exit
from emu.hw.memory import HostMemory
from emu.hw.nested import NestedPageTable
from emu.hw.vmcb import GuestState
from emu.machine.addresses import Addresses
from emu.machine.aps import LiveAps
from emu.machine.ask import read_exit
from emu.machine.code import CodeReader
from emu.machine.code_modes import CodeModes
from emu.machine.copies import Copies
from emu.machine.event import Event, EventDetail, EventKind
from emu.machine.log import Turn, WakeCause, Woken
from emu.machine.logs import Logs
from emu.machine.ram import GuestRam
from emu.machine.undo import UndoLog
from emu.machine.virtual_memory import VirtualMemory
from emu.vmm.asked import Asked
from emu.vmm.asked_words import name_of
from emu.vmm.devices import NONE, STANDARD, Devices
from emu.vmm.state import Caller, VmmState

WORK_OF_AN_ENTRY: Final = 6
"""A step by hand that meets nothing is not that much cheaper, but a checkpoint and the first
stores behind it cost as much as a hundred of them, and the stretch that a step back runs again
is still short."""
WORK_OF_AN_EXIT: Final = 6
"""On top of that for an exit that Python handles, or a lap's instruction that is tried."""
Doing = Literal["read", "write", "host", "walk"]
"""How bytes came to be others. `host`: the VMM, or somebody at the debugger. `walk`: the MMU,
while it walked."""


class Probe(Protocol):
    """Somebody looks at the guest without touching its course (`emu.machine.probe`)."""

    def attach(self, board: "Board") -> None:
        """Begin to look."""

    def compare(self, board: "Board", doing: Doing) -> None:
        """Something may have changed that no instruction's store explains."""


class EventListener(Protocol):
    """Who is told of every event at once, before anything else happens."""

    def heard(self, cpu: Cpu | None, text: str) -> None:
        """An event of a CPU (None: of none) is in the log."""


class SavedBoard(NamedTuple):
    """What a Board was at one moment."""

    tick: int
    beat: int
    work: int
    exit_counts: dict[str, int]
    powered_off: bool
    crash: str
    boot_params: int | None
    mailbox_gpa: Gpa | None
    broken_pages: frozenset[int]


class Board(Struct, eq=False, kw_only=True):
    """One machine's hardware, and where its run stands."""

    platform: Platform
    layout: BootLayout
    roles: Roles
    """Which places of the images mean what."""
    seed: int
    memory: HostMemory
    engine: Engine
    ram: GuestRam
    npt: NestedPageTable
    virtual: VirtualMemory
    code: CodeReader
    copies: Copies
    code_modes: CodeModes
    """Where code comes from that runs outside of every image."""
    undo: UndoLog
    cpus: tuple[Cpu, ...]
    vmm: VmmState
    aps: LiveAps
    mailbox_gpa: Gpa | None
    addresses: Addresses
    shared_alias: int
    hypercall_code: Hpa
    """The host's page that overlays the guest's hypercall page."""
    devices: Devices = STANDARD
    is_td: bool = False
    """Whether the guest is a trust domain; the platform says so."""
    logs: Logs = field(default_factory=Logs)
    tick: int = 0
    beat: int = 0
    """Changes so far that took no instruction: slices begun, milestones noted, interrupts
    taken, exceptions raised. (tick, beat) names every state at which a run can stop."""
    work: int = 0
    """With ticks, a measure of the host's time so far: `WORK_OF_AN_ENTRY` for each entry into
    the guest, `WORK_OF_AN_EXIT` for each exit, 1 for a step by hand that met nothing."""
    probes: tuple[Probe, ...] = ()
    listeners: tuple[EventListener, ...] = ()
    at_work: int | None = None
    """The CPU that the engine runs, or whose exit is handled."""
    on_trial: bool = False
    """What is executed now will be taken back."""
    by_hand: bool = False
    """A CPU is stepped: it is not put to sleep."""
    reschedule: bool = False
    """Somebody became runnable: the current slice must end."""
    exit_counts: dict[str, int] = field(default_factory=dict)
    powered_off: bool = False
    crash: str = ""
    boot_params: int | None = None
    """GPA of the boot_params the kernel was entered with."""
    broken_pages: set[int] = field(default_factory=set)
    """Private pages of a TD that the host wrote to."""
    monitored: frozenset[Gpa] = frozenset()
    """Pages with a line that a CPU monitors (`emu.machine.monitors`): each store to one
    counts, also one that leaves the bytes as they were."""
    running: set[int] = field(default_factory=set)
    """The CPUs whose activity that is: of a thousand mostly a few."""

    def __post_init__(self) -> None:
        self.is_td = self.platform.isolation == "tdx"

    def save(self) -> SavedBoard:
        """Where the run stands, for `load`. What the board only holds saves itself, and flags
        of a slice (`at_work`, `on_trial`, `by_hand`, `reschedule`) mean nothing between two."""
        return SavedBoard(
            self.tick, self.beat, self.work, dict(self.exit_counts), self.powered_off,
            self.crash, self.boot_params, self.mailbox_gpa, frozenset(self.broken_pages),
        )  # fmt: skip

    def load(self, saved: SavedBoard) -> None:
        """Be again what `save` saw."""
        self.tick, self.beat, self.work = saved.tick, saved.beat, saved.work
        self.exit_counts = dict(saved.exit_counts)
        self.powered_off, self.crash = saved.powered_off, saved.crash
        self.boot_params, self.mailbox_gpa = saved.boot_params, saved.mailbox_gpa
        self.broken_pages = set(saved.broken_pages)
        self.reschedule = False
        self.running = {cpu.id for cpu in self.cpus if cpu.activity == "running"}

    # -- CPUs -------------------------------------------------------------------------------

    def start(self, cpu: Cpu, state: GuestState) -> None:
        """Put a CPU at the beginning of `state`; its clock is the caller's business."""
        self.enter(cpu, state)
        self.begins(cpu)

    def enter(self, cpu: Cpu, state: GuestState) -> None:
        """Give a CPU the registers of `state`, and none of those that it had."""
        cpu.context = self.engine.enter_guest(cpu.vmcb, state, self.npt.root)

    def begins(self, cpu: Cpu) -> None:
        """A CPU begins to run from where its registers have it."""
        self.turn(cpu, "running")
        self.code_modes.note(self.linear_rip(cpu), cpu.registers.coding)
        cpu.milestone = cpu.reason = ""
        self.aps.started(cpu.id)
        cpu.skip = None
        self.reschedule = True

    def turn(self, cpu: Cpu, activity: Activity) -> None:
        """A CPU begins to do something else."""
        cpu.activity = activity
        if activity == "running":
            self.running.add(cpu.id)
        else:
            self.running.discard(cpu.id)
        self.logs.turns.append(Turn(self.tick, cpu.id, activity, cpu.clock_ps))

    def go_on(
        self,
        cpu: Cpu,
        to_ps: int,
        why: WakeCause,
        by: int | None = None,
        cause_ps: int | None = None,
    ) -> None:
        """A CPU goes on at another moment of its clock; `by`: through which CPU's doing, at
        `cause_ps` of that one's clock."""
        cause = to_ps if cause_ps is None else cause_ps
        self.logs.woken.append(Woken(self.tick, cpu.id, by, why, cpu.clock_ps, to_ps, cause))
        cpu.clock_ps = to_ps

    def retire(self, cpu: Cpu, count: int) -> None:
        """Instructions were executed: ticks and the CPU's clock move on."""
        if self.logs.lanes.cpu != cpu.id and not self.on_trial:
            self.logs.lanes.begin(cpu.id, self.tick, cpu.clock_ps)
        self.tick += count
        cpu.ticks += count
        cpu.clock_ps += count * cpu.ps_per_instruction

    def linear_rip(self, cpu: Cpu) -> int:
        """The linear address of the next instruction."""
        return cpu.registers.linear_rip

    def code_bytes(self, cpu: Cpu) -> bytes:
        """Up to 15 bytes at RIP: one instruction at the most."""
        return self.code.next(cpu.registers)

    def ask(self, cpu: Cpu, exit_: Exit) -> Asked:
        """What the CPU wants that left the guest just now."""
        return read_exit(exit_, cpu.registers, self.code, NONE if self.is_td else self.devices)

    def place(self, cpu: Cpu) -> str:
        """Where a CPU is, as a symbol with offset, or the address; in a copy of an image's code
        it is the original's symbol."""
        return self.place_at(cpu, self.linear_rip(cpu))

    def place_at(self, cpu: Cpu, address: int) -> str:
        """The same of another linear address of its code."""
        return self.name(cpu, address) or f"{address:#x}"

    def name(self, cpu: Cpu, address: int) -> str:
        """What a CPU's code at a linear address is called; empty if nobody has named it."""
        return self.layout.symbols.name(self.copies.original(cpu.registers, address))

    def origin(self, cpu: Cpu) -> int:
        """The address in an image of the code that a CPU executes next; RIP where it is no
        copy."""
        return self.copies.original(cpu.registers, self.linear_rip(cpu))

    def inlined(self, cpu: Cpu) -> str:
        """`, inlined read_word`: the function that a CPU is in, if it is inlined in the one
        that `place` names; else nothing."""
        functions = self.layout.lines.functions(self.origin(cpu))
        if not functions or not functions[0].inlined:
            return ""
        return f", inlined {self.layout.symbols.told(functions[0].name)}"

    def source(self, cpu: Cpu) -> str:
        """The same place with its line of source: `poll+0x3 (loop.S:62)`."""
        line = self.layout.lines.line_of(self.origin(cpu))
        words = "" if line is None else f" ({line[0].rpartition('/')[2]}:{line[1]})"
        return self.place(cpu) + self.inlined(cpu) + words

    def caller(self, cpu: Cpu) -> Caller:
        """What a VMM handler gets to see."""
        return Caller(
            cpu.id, cpu.registers.get, self.shown_ns(cpu), self.platform, self.vmm, self.ram,
            self.devices,
        )  # fmt: skip

    def shown_ns(self, cpu: Cpu) -> int:
        """What a CPU is told of the time: an injection may have set its clock wrong."""
        wrong = self.vmm.clocks.get(cpu.id)
        time = cpu.clock_ps // 1000
        return time if wrong is None else wrong.shows(time)

    # -- time and events --------------------------------------------------------------------

    def now_ps(self) -> int:
        """The machine's time: the furthest clock of any CPU that has run."""
        return max(cpu.clock_ps for cpu in self.cpus)

    def nanoseconds(self, cpu: Cpu | None) -> int:
        """The clock of a CPU, or the machine's own for what no CPU did."""
        return cpu.nanoseconds if cpu is not None else self.now_ps() // 1000

    def event(
        self,
        cpu: Cpu | None,
        kind: EventKind,
        text: str,
        detail: EventDetail = None,
        when: Cpu | None = None,
    ) -> None:
        """Append to the log at this tick, on the CPU's clock, or on that of the CPU whose doing
        it is (`when`)."""
        index = None if cpu is None else cpu.id
        happened = Event(self.tick, self.nanoseconds(when or cpu), index, kind, text, detail)
        self.logs.events.append(happened)
        for listener in self.listeners:
            listener.heard(cpu, text)

    def count_exit(self, asked: Asked) -> None:
        """One more of its kind."""
        name = name_of(asked)
        self.exit_counts[name] = self.exit_counts.get(name, 0) + 1

    # -- looking ----------------------------------------------------------------------------

    def look_at(self, *probes: Probe) -> None:
        """From now on see what happens to these, and to nothing else."""
        self.probes = probes
        self.engine.watches.nothing()
        for probe in probes:
            probe.attach(self)

    def compare(self, doing: Doing) -> None:
        """Let every probe see what changed without a store that was seen."""
        for probe in self.probes:
            probe.compare(self, doing)

    def tables_changed(self) -> None:
        """The nested table was edited: what the engine remembers of it is void."""
        self.engine.flush_tlb()
