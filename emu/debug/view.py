"""All that a front end may know: frozen pictures of the machine at one tick."""

from dataclasses import dataclass
from typing import Literal

from emu.machine.event import Event, EventKind

CpuState = Literal[
    "off",
    "wait-for-sipi",
    "running",
    "spinning",
    "halted",
    "parked",
    "online",
    "failed",
    "shutdown",
]
Outcome = Literal["booted", "degraded", "hung", "crashed", "limit", "stopped"]
LineKind = Literal["source", "asm", "label"]
EventView = Event
"""Events cross to the screen as they are: they are frozen already."""

__all__ = [
    "EVENTS_IN_VIEW",
    "ApProgress",
    "BreakpointView",
    "CodeLine",
    "CpuState",
    "CpuView",
    "EventKind",
    "EventView",
    "LaneView",
    "LineKind",
    "MachineView",
    "MailboxView",
    "Outcome",
    "RegisterView",
    "StopReason",
    "TimelineView",
]


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why the machine stands still: whose doing it was (None: nobody's) and one sentence."""

    cpu: int | None
    kind: Literal[
        "start", "step", "breakpoint", "watch", "until", "limit", "pause", "outcome", "travel",
        "entered",
    ]  # fmt: skip
    text: str


@dataclass(frozen=True, slots=True)
class CpuView:
    """One CPU in a row: `mode` is real, protected, compatibility or long."""

    id: int
    apic_id: int
    state: CpuState
    mode: str
    rip: int
    symbol: str
    """Name and offset such as `mailbox_wait+0x6`; empty where no symbol covers RIP."""
    line: str
    """`main.c:214`, or empty where the image has no line for RIP."""
    milestone: str
    waits: str
    """What it waits for in words, such as `command == 1`; empty when it does not wait."""
    ticks: int
    """Instructions this CPU has retired."""
    virtual_ns: int


@dataclass(frozen=True, slots=True)
class RegisterView:
    """One register of the focused CPU; `words` decodes its bits, `changed` since last stop."""

    group: Literal["general", "flags", "segment", "control", "msr"]
    name: str
    value: int
    bits: int
    words: str
    changed: bool


@dataclass(frozen=True, slots=True)
class CodeLine:
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


@dataclass(frozen=True, slots=True)
class ApProgress:
    """How far one AP is in the protocol: steps reached, and what must come next."""

    cpu: int
    step: str
    """One of parked, woken, acked, online, offline, or where it is before parking."""
    tick: int
    virtual_ns: int
    next: str


@dataclass(frozen=True, slots=True)
class MailboxView:
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


@dataclass(frozen=True, slots=True)
class BreakpointView:
    """One breakpoint as people named it."""

    number: int
    where: str
    address: int
    cpu: int | None
    hits: int


@dataclass(frozen=True, slots=True)
class LaneView:
    """One CPU over the window, a letter a cell: `#` executes, `s` waits for its turn, `z`
    asleep or halted, `.` off, `x` shut down, `M` milestone, `W` mailbox write, `!` fault."""

    cpu: int
    cells: str


@dataclass(frozen=True, slots=True)
class TimelineView:
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


@dataclass(frozen=True, slots=True)
class MachineView:
    """The machine at one tick, with one CPU in focus."""

    image: str
    platform: str
    seed: int
    tick: int
    virtual_ns: int
    running: bool
    stop: tuple[StopReason, ...]
    outcome: Outcome | None
    outcome_reason: str
    focus: int
    cpus: tuple[CpuView, ...]
    registers: tuple[RegisterView, ...]
    code: tuple[CodeLine, ...]
    mailbox: MailboxView | None
    events: tuple[EventView, ...]
    """The newest events, oldest first, at most `EVENTS_IN_VIEW`."""
    event_count: int
    serial: str
    breakpoints: tuple[BreakpointView, ...]
    reply: tuple[str, ...]
    """What the last command had to say, as lines of text."""
    timeline: TimelineView


EVENTS_IN_VIEW = 400
"""More than the tallest terminal shows; the whole log is read through the session."""
