"""What the VMM decided, as values: the machine alone carries them out."""

from typing import Literal

from msgspec import Struct

from emu.boot.mwait import Depth
from emu.hw.address import Gpa

PageState = Literal["unaccepted", "private", "shared"]


class Segment(Struct, frozen=True):
    """A segment register: selector, base, limit in bytes, attributes in VMCB-independent
    descriptor form (type, S, DPL, P in bits 7:0; AVL, L, D, G in bits 15:12)."""

    selector: int
    base: int
    limit: int
    attributes: int


class TableRegister(Struct, frozen=True):
    """GDTR or IDTR: linear base and limit in bytes."""

    base: int
    limit: int


class VpContext(Struct, frozen=True):
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


class VeInfo(Struct, frozen=True):
    """Why a TD got a #VE (TDX module specification, TDG.VP.VEINFO.GET): the VMX exit reason
    and qualification, the linear and physical address, the instruction's length in bytes and
    what VMX tells of its operands."""

    reason: int
    qualification: int
    gla: int
    gpa: int
    instruction_bytes: int
    instruction_information: int = 0


class ApicTimer(Struct, frozen=True):
    """A timer that is armed, in nanoseconds of its CPU's clock."""

    due_ns: int
    """When the count reaches 0; meaningless with a deadline."""
    tick_ns: int
    """How long one count takes."""
    reload: int = 0
    """What it counts down from again, in counts; 0: it rings once."""
    deadline: int = 0
    """The time-stamp counter at which it rings; 0: it counts down."""


class SetRegisters(Struct, frozen=True):
    """Write registers of the calling CPU: (name, 64-bit value) pairs such as ("rax", 0)."""

    values: tuple[tuple[str, int], ...]


class Complete(Struct, frozen=True):
    """The exiting instruction is done: move RIP past it."""


class EnterKernel(Struct, frozen=True):
    """The calling CPU goes where SYSCALL leads."""


class RaiseException(Struct, frozen=True):
    """Enter the calling CPU's IDT instead of completing the instruction."""

    vector: int
    error_code: int | None
    why: str
    cause: str = ""
    """What would have been needed, in words; told behind the place."""
    software: bool = False
    """INT n: the handler returns to the next instruction."""
    fault_address: int | None = None
    """What CR2 gets (#PF only)."""


class SetMsr(Struct, frozen=True):
    """Remember a modelled MSR of one CPU (`cpu` None: one value for the partition)."""

    cpu: int | None
    msr: int
    value: int


class SetDrawn(Struct, frozen=True):
    """Remember how many random numbers a CPU has drawn."""

    cpu: int
    drawn: int


class SetVpRegister(Struct, frozen=True):
    """Remember a Hyper-V synthetic register (`cpu` None: one value for the partition)."""

    cpu: int | None
    name: int
    value: int


class SetPort(Struct, frozen=True):
    """Remember the value latched behind an I/O port (bit 16 set: the UART's DLAB bank)."""

    port: int
    value: int


class SetDevice(Struct, frozen=True):
    """Remember a register of a device in memory."""

    device: str
    register: int
    value: int


class SetVeInfo(Struct, frozen=True):
    """The TDX module records why a CPU gets a #VE; None: the guest has read it."""

    cpu: int
    info: VeInfo | None


class SetTimer(Struct, frozen=True):
    """A CPU's APIC timer is armed, or (None) disarmed."""

    cpu: int
    timer: ApicTimer | None


class EnableVtl(Struct, frozen=True):
    """VTL 2 of a virtual processor becomes usable."""

    vp: int
    vtl: int


class StartVp(Struct, frozen=True):
    """A virtual processor begins to run; `context` None: at the architectural reset state."""

    vp: int
    context: VpContext | None


class Sent(Struct, frozen=True):
    """What a CPU sends others, in words: for the log, whatever becomes of it on its way."""

    text: str


class SendInit(Struct, frozen=True):
    """INIT arrives at a CPU: it waits for a SIPI."""

    cpu: int


class SendSipi(Struct, frozen=True):
    """A start-up IPI arrives: a waiting CPU starts in real mode at `vector` << 12."""

    cpu: int
    vector: int


class EjectCpu(Struct, frozen=True):
    """The guest gives a CPU back to its host, which lets it run no more."""

    cpu: int


class Delay(Struct, frozen=True):
    """A CPU is so much later than it would be, in nanoseconds of its own clock."""

    cpu: int
    nanoseconds: int


class SendInterrupt(Struct, frozen=True):
    """A fixed interrupt or an NMI (`nmi`) arrives at a CPU."""

    cpu: int
    vector: int
    nmi: bool = False
    ipi: bool = False
    """Another CPU has sent it, or the CPU itself; else it is its timer's, or a device's."""


class EndInterrupt(Struct, frozen=True):
    """EOI: the highest vector that a CPU has in service is done with."""

    cpu: int


class ApicError(Struct, frozen=True):
    """A CPU's APIC notes errors (bits of its error status register)."""

    cpu: int
    bits: int


class LatchErrors(Struct, frozen=True):
    """A CPU's error status register shows the errors since it was written last."""

    cpu: int


class ResetApic(Struct, frozen=True):
    """A CPU's APIC is as at power-up: it was switched off."""

    cpu: int


class SetPageState(Struct, frozen=True):
    """`count` pages of 4 KiB from `gpa` change state; `zero` clears their private bytes,
    `large`: a TD's nested table has them as one leaf of 2 MiB."""

    gpa: Gpa
    count: int
    state: PageState
    zero: bool = False
    large: bool = False


class HostWrite(Struct, frozen=True):
    """The host stores bytes at a GPA without shared bit (a hypercall's output page)."""

    gpa: Gpa
    data: bytes


class OverlayHypercallPage(Struct, frozen=True):
    """The hypercall page appears over the GPA's own page; None takes it away again."""

    gpa: Gpa | None


class SerialOut(Struct, frozen=True):
    """A byte left through a serial port."""

    port: int
    byte: int


class Halt(Struct, frozen=True):
    """The CPU sleeps until an interrupt (HLT, or TDG.VP.VMCALL<HLT>)."""

    masked_wakes: bool = False
    """One wakes it that its flags do not let in, and waits then until they do."""


class ArmMonitor(Struct, frozen=True):
    """The CPU monitors the line of a linear address from now on (MONITOR)."""

    gva: int


class MonitorWait(Struct, frozen=True):
    """The CPU sleeps until somebody stores to the line that it monitors, or an interrupt comes
    (MWAIT)."""

    depth: Depth
    masked_wakes: bool
    """As in `Halt`."""


class PowerOff(Struct, frozen=True):
    """The guest asked for the machine to be switched off."""


class Crash(Struct, frozen=True):
    """The guest or the TDX module gave up; `reason` is one sentence."""

    reason: str


class Note(Struct, frozen=True):
    """One line for the event log: what was asked and what was answered."""

    text: str
    why: str = ""
    """Of it, what was wrong with the call, in words."""
    given: bytes = b""
    """The list that a hypercall was given, as the hypervisor has read it."""


class Cost(Struct, frozen=True):
    """Virtual time of the exit beyond `Costs.exit_ns`, in nanoseconds; several add up."""

    nanoseconds: int


CpuEffect = SetRegisters | Complete | Cost
"""What ends an instruction: nearly every exit has these, and most have nothing else."""
MachineEffect = (
    RaiseException
    | EnterKernel
    | SetMsr
    | SetDrawn
    | SetVpRegister
    | SetPort
    | SetDevice
    | SetVeInfo
    | SetTimer
    | EnableVtl
    | StartVp
    | Sent
    | SendInit
    | SendSipi
    | EjectCpu
    | Delay
    | SendInterrupt
    | EndInterrupt
    | ApicError
    | LatchErrors
    | ResetApic
    | SetPageState
    | HostWrite
    | OverlayHypercallPage
    | SerialOut
    | Halt
    | ArmMonitor
    | MonitorWait
    | PowerOff
    | Crash
    | Note
)
Effect = CpuEffect | MachineEffect
Effects = tuple[Effect, ...]
