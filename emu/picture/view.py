"""All that a front end may know: frozen pictures of the machine at one tick."""

from typing import Literal

from msgspec import Struct

from emu.judge.verdict import UNWELL, CpuState, Fate, Outcome, WaitFact
from emu.machine.aps import ApHistory
from emu.machine.event import Event, EventKind
from emu.picture.log_views import LogView
from emu.picture.sections import (
    CpusLook,
    DtbView,
    FindingsView,
    FindingView,
    MemoryView,
    NestedView,
    PointerView,
    ProfileView,
    StackView,
    TablesView,
    WalkView,
)
from emu.picture.stop import Stop

LineKind = Literal["source", "asm", "label", "mode"]
Section = Literal[
    "memory", "walk", "tables", "nested", "dtb", "stack", "pointers", "waits", "log", "exits",
    "profile",
]  # fmt: skip
"""What is looked at only if a front end wants it."""
EventView = Event
"""Events cross to the screen as they are: they are frozen already."""

__all__ = [
    "ApProgress",
    "BreakpointView",
    "CodeLine",
    "CodeLook",
    "CpuView",
    "EntryView",
    "EventKind",
    "EventView",
    "FindingView",
    "FindingsView",
    "LaneView",
    "LineKind",
    "MachineView",
    "MailboxView",
    "PhaseView",
    "RegisterView",
    "Section",
    "Sections",
    "Stop",
    "TimelineView",
]


class CpuView(Struct, frozen=True, gc=False):
    """One CPU in a row: `mode` is real, protected, compatibility or long."""

    id: int
    apic_id: int
    state: CpuState
    mode: str
    rip: int
    symbol: str
    """Name and offset such as `poll+0x6`; empty where no symbol covers RIP."""
    line: str
    """`main.c:214`, or empty where the image has no line for RIP."""
    milestone: str
    waits: str
    """What it waits for in words, such as `command == 1`; empty when it does not wait."""
    ticks: int
    """Instructions this CPU has retired."""
    virtual_ns: int
    fate: Fate = "well"
    """What became of it."""

    @property
    def unwell(self) -> bool:
        """Whether it needs somebody's look: it is dead, stuck, lost or was given up."""
        return self.fate in UNWELL or self.state in ("failed", "shutdown")


class RegisterView(Struct, frozen=True, gc=False):
    """One register of the focused CPU; `words` decodes its bits, `changed` since last stop."""

    group: Literal["general", "flags", "segment", "control", "msr"]
    name: str
    value: int
    bits: int
    words: str
    changed: bool


class CodeLook(Struct, frozen=True):
    """Which code: around a place, or (empty) where the CPU is; and which lines of it."""

    where: str = ""
    lines: Literal["both", "asm", "source"] = "both"


class CodeLine(Struct, frozen=True, gc=False):
    """One line of source, disassembly or label, in the order a reader expects."""

    kind: LineKind
    address: int
    """GVA of the instruction; of the first one for a source line or a label."""
    number: int
    """Line number in the source file; 0 for others."""
    bytes: str
    """Hex of the instruction; empty for others."""
    text: str
    note: str
    """A target's symbol, or what is special about the instruction."""
    current: bool
    breakpoint: bool
    cpus: tuple[int, ...]
    """Other CPUs whose RIP is here."""


class ApProgress(Struct, frozen=True):
    """How far one AP is in the protocol: steps reached, and what must come next."""

    cpu: int
    step: str
    """One of the states of `emu.mailbox.ap`, or `off`."""
    tick: int
    virtual_ns: int
    next: str
    history: ApHistory = ()
    stuck: bool = False
    """Whether nothing can come next."""


class MailboxView(Struct, frozen=True):
    """The mailbox page decoded (ACPI 6.6, 5.2.12.19) and each AP's progress."""

    gpa: int
    page_state: str
    command: int
    command_name: str
    reserved: int
    apic_id: int
    vector: int
    vector_symbol: str
    aps: tuple[ApProgress, ...]


class BreakpointView(Struct, frozen=True):
    """One breakpoint, watchpoint or catch as people named it."""

    number: int
    where: str
    address: int
    """0 where it has none."""
    cpu: int | None
    hits: int
    rule: str = ""
    """What else must hold and what it does, such as `if rax == 1`, `from the 3rd`, `logs`."""
    log: tuple[str, ...] = ()
    """What it has noted instead of stopping, the newest last."""


class EntryView(Struct, frozen=True):
    """Something that people did to this branch: an injection, an edit, a schedule."""

    tick: int
    text: str
    done: bool
    """Whether it lies behind the moment that is shown."""
    fate: Literal["", "waits", "fired", "failed"] = ""
    """What became of an injection."""
    fate_words: str = ""
    """The moment that it waits for, if its text does not name it, and how often; or why it
    could not be."""
    fate_tick: int | None = None
    """When it fired, or could not."""
    cpu: int | None = None
    """The CPU that it was done to, or else the one that its moment was waited for of."""


class LaneView(Struct, frozen=True, gc=False):
    """One CPU over the window, a letter a cell: `#` executes, `s` waits for its turn, `z`
    spins asleep, `h` halted, `.` off, `x` shut down, `v` hypercall, `M` milestone, `W` mailbox
    write, `!` fault."""

    cpu: int
    cells: str
    parts: bytes
    """How many eighths of each cell it executed."""


class PhaseView(Struct, frozen=True, gc=False):
    """One phase of this boot, and the first moment of it that is known."""

    name: str
    of_bsp: bool
    """Whether it is the BSP that comes there."""
    steps: tuple[str, ...]
    """How far an AP is that is in it; empty: it is of the BSP alone."""
    reached: bool
    """Whether somebody has come there up to the moment that is shown."""
    tick: int | None = None
    """When, also ahead of this moment; None: nobody ever has."""
    cpu: int | None = None


class TimelineView(Struct, frozen=True):
    """The known course of a branch in ticks, and where on it the machine stands."""

    first: int
    last: int
    """The window that the lanes show."""
    now: int
    end: int
    branch: str
    branches: int
    marks: tuple[tuple[str, int], ...]
    lanes: tuple[LaneView, ...]
    edges: tuple[int, ...]
    """The ticks at which the cells of a lane begin, and the last one's end; never falling."""
    folds: tuple[tuple[int, int], ...]
    """Cells that are a long stretch in which nothing comes to pass, each with its length in
    nanoseconds of virtual time."""


class Sections(Struct, frozen=True):
    """What a front end looks at beside the CPUs; None: it did not want it."""

    memory: MemoryView | None = None
    walk: WalkView | None = None
    tables: TablesView | None = None
    nested: NestedView | None = None
    dtb: DtbView | None = None
    waits: tuple[WaitFact, ...] | None = None
    stack: StackView | None = None
    pointers: tuple[PointerView, ...] | None = None
    log: LogView | None = None
    exits: LogView | None = None
    profile: ProfileView | None = None


class MachineView(Struct, frozen=True):
    """The machine at one tick, with one CPU in focus."""

    image: str
    platform: str
    seed: int
    tick: int
    virtual_ns: int
    running: bool
    stop: tuple[Stop, ...]
    outcome: Outcome | None
    outcome_reason: str
    focus: int
    cpus: tuple[CpuView, ...]
    registers: tuple[RegisterView, ...]
    code: tuple[CodeLine, ...]
    mailbox: MailboxView | None
    code_look: CodeLook
    cpus_look: CpusLook
    """How the list of CPUs is looked at."""
    sections: Sections
    exit_counts: tuple[tuple[str, int], ...]
    """By kind: exits so far, the most frequent first."""
    entries: tuple[EntryView, ...]
    held: frozenset[int]
    """CPUs that do not run until they are released."""
    schedule: str
    """Who runs next, as `schedule` reads it."""
    serial: str
    breakpoints: tuple[BreakpointView, ...]
    findings: FindingsView
    reply: tuple[str, ...]
    """What the last command had to say, as lines of text."""
    timeline: TimelineView
    phases: tuple[PhaseView, ...] = ()
    """Of this boot, in order."""
