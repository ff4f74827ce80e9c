"""What the VMM decided, as values: the machine alone carries them out."""

from dataclasses import dataclass
from typing import Literal

from emu.hw.address import Gpa

PageState = Literal["unaccepted", "private", "shared"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment register: selector, base, limit in bytes, attributes in VMCB-independent
    descriptor form (type, S, DPL, P in bits 7:0; AVL, L, D, G in bits 15:12)."""

    selector: int
    base: int
    limit: int
    attributes: int


@dataclass(frozen=True, slots=True)
class TableRegister:
    """GDTR or IDTR: linear base and limit in bytes."""

    base: int
    limit: int


@dataclass(frozen=True, slots=True)
class VpContext:
    """The state a virtual processor starts in (TLFS HV_INITIAL_VP_CONTEXT, 224 bytes)."""

    rip: int
    rsp: int
    rflags: int
    cs: Segment
    ds: Segment
    es: Segment
    fs: Segment
    gs: Segment
    ss: Segment
    tr: Segment
    ldtr: Segment
    idtr: TableRegister
    gdtr: TableRegister
    efer: int
    cr0: int
    cr3: int
    cr4: int
    pat: int


@dataclass(frozen=True, slots=True)
class VeInfo:
    """Why a TD got a #VE (TDX module specification, TDG.VP.VEINFO.GET): the VMX exit reason
    and qualification, the linear and physical address, the instruction's length in bytes."""

    reason: int
    qualification: int
    gla: int
    gpa: int
    instruction_bytes: int


@dataclass(frozen=True, slots=True)
class SetRegisters:
    """Write registers of the calling CPU: (name, 64-bit value) pairs such as ("rax", 0)."""

    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Complete:
    """The exiting instruction is done: move RIP past it."""


@dataclass(frozen=True, slots=True)
class RaiseException:
    """Enter the calling CPU's IDT instead of completing the instruction."""

    vector: int
    error_code: int | None
    why: str
    software: bool = False
    """INT n: the handler returns to the next instruction."""
    fault_address: int | None = None
    """What CR2 gets (#PF only)."""


@dataclass(frozen=True, slots=True)
class SetMsr:
    """Remember a modelled MSR of one CPU (`cpu` None: one value for the partition)."""

    cpu: int | None
    msr: int
    value: int


@dataclass(frozen=True, slots=True)
class SetVpRegister:
    """Remember a Hyper-V synthetic register (`cpu` None: one value for the partition)."""

    cpu: int | None
    name: int
    value: int


@dataclass(frozen=True, slots=True)
class SetPort:
    """Remember the value latched behind an I/O port (bit 16 set: the UART's DLAB bank)."""

    port: int
    value: int


@dataclass(frozen=True, slots=True)
class SetVeInfo:
    """The TDX module records why a CPU gets a #VE; None: the guest has read it."""

    cpu: int
    info: VeInfo | None


@dataclass(frozen=True, slots=True)
class EnableVtl:
    """VTL 2 of a virtual processor becomes usable."""

    vp: int
    vtl: int


@dataclass(frozen=True, slots=True)
class StartVp:
    """A virtual processor begins to run; `context` None: at the architectural reset state."""

    vp: int
    context: VpContext | None


@dataclass(frozen=True, slots=True)
class SendInit:
    """INIT arrives at a CPU: it waits for a SIPI."""

    cpu: int


@dataclass(frozen=True, slots=True)
class SendSipi:
    """A start-up IPI arrives: a waiting CPU starts in real mode at `vector` << 12."""

    cpu: int
    vector: int


@dataclass(frozen=True, slots=True)
class Delay:
    """A CPU is so much later than it would be, in nanoseconds of its own clock."""

    cpu: int
    nanoseconds: int


@dataclass(frozen=True, slots=True)
class SendInterrupt:
    """A fixed interrupt or an NMI (`nmi`) arrives at a CPU."""

    cpu: int
    vector: int
    nmi: bool = False


@dataclass(frozen=True, slots=True)
class SetPageState:
    """`count` pages of 4 KiB from `gpa` change state; `zero` clears their private bytes."""

    gpa: Gpa
    count: int
    state: PageState
    zero: bool = False


@dataclass(frozen=True, slots=True)
class HostWrite:
    """The host stores bytes at a GPA without shared bit (a hypercall's output page)."""

    gpa: Gpa
    data: bytes


@dataclass(frozen=True, slots=True)
class OverlayHypercallPage:
    """The hypercall page appears over the GPA's own page; None takes it away again."""

    gpa: Gpa | None


@dataclass(frozen=True, slots=True)
class SerialOut:
    """A byte left through a serial port."""

    port: int
    byte: int


@dataclass(frozen=True, slots=True)
class Halt:
    """The CPU sleeps until an interrupt (HLT, or TDG.VP.VMCALL<HLT>)."""


@dataclass(frozen=True, slots=True)
class PowerOff:
    """The guest asked for the machine to be switched off."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The guest or the TDX module gave up; `reason` is one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """One line for the event log: what was asked and what was answered."""

    text: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Virtual time of the exit beyond `Costs.exit_ns`, in nanoseconds; several add up."""

    nanoseconds: int


Effect = (
    SetRegisters
    | Complete
    | RaiseException
    | SetMsr
    | SetVpRegister
    | SetPort
    | SetVeInfo
    | EnableVtl
    | StartVp
    | SendInit
    | SendSipi
    | Delay
    | SendInterrupt
    | SetPageState
    | HostWrite
    | OverlayHypercallPage
    | SerialOut
    | Halt
    | PowerOff
    | Crash
    | Note
    | Cost
)
Effects = tuple[Effect, ...]
