"""What a CPU asked for when it left the guest, as values: read once from the exit, and taken by
whoever decides, logs, watches or breaks it.

`size` is the length in bytes of the instruction that is still to be completed; 0 where there is
none, or where it has retired. Numbers are what the guest's registers held, 32 bits where the
instruction uses 32.
"""

from msgspec import Struct

from emu.hw.control import ControlRegister


class Exiting(Struct, frozen=True):
    """What all of them have."""

    size: int


class Cpuid(Exiting, frozen=True):
    """CPUID of a leaf (EAX) and a sub-leaf (ECX)."""

    leaf: int
    subleaf: int


class Rdmsr(Exiting, frozen=True):
    """RDMSR of an MSR that the CPU does not keep itself."""

    msr: int


class Wrmsr(Exiting, frozen=True):
    """WRMSR of 64 bits (EDX:EAX)."""

    msr: int
    value: int


class ControlWrite(Exiting, frozen=True):
    """A write to CR0, CR3, CR4 or EFER that the processor did not make. CLTS and LMSW change
    nothing that anybody refuses: `value` is then what CR0 holds."""

    register: ControlRegister
    value: int
    code_long: bool
    """CS.L."""
    narrow_task: bool
    """TR holds a 16-bit TSS."""
    general: int = 0
    """Number of the general register that MOV takes the value from."""


class RandomNumber(Exiting, frozen=True):
    """RDRAND or RDSEED of 16, 32 or 64 bits into a general register, by its 64-bit name."""

    mnemonic: str
    bits: int
    into: str


class Vmcall(Exiting, frozen=True):
    """VMCALL or VMMCALL with a hypercall's control word in RCX. It comes as #UD, and is one
    where there is no hypervisor to call."""

    control: int
    mnemonic: str
    source: int = 0
    """RDX: the GPA of the input, or the first word of a fast call."""
    target: int = 0
    """R8: the GPA of the output, or the second word."""


OPERANDS = ("rcx", "rdx", "r8", "r9", "r12", "r13", "r14", "r15")
"""Registers in which TDCALL is given more than its leaf."""


class Tdcall(Exiting, frozen=True):
    """TDCALL with its leaf in RAX; with leaf 0 the host is asked, for a hypercall if R10 is not
    zero, else for the subfunction in R11. It comes as #UD, and is one outside a TD."""

    leaf: int
    r10: int
    r11: int
    operands: tuple[int, ...] = ()
    """What `OPERANDS` held."""

    def operand(self, register: str) -> int:
        """One of `OPERANDS`; 0 where nobody has looked."""
        return self.operands[OPERANDS.index(register)] if self.operands else 0

    @property
    def subfunction(self) -> int | None:
        """What the host is asked for beside hypercalls; None where it is not."""
        return self.r11 if not self.leaf and not self.r10 else None

    @property
    def hypercall(self) -> int | None:
        """The control word of a hypercall; None where it is none."""
        return self.r10 if not self.leaf and self.r10 else None


class SevInstruction(Exiting, frozen=True):
    """PVALIDATE, RMPADJUST or VMGEXIT of an SEV-SNP guest. It comes as #UD, and is one in any
    other guest."""

    mnemonic: str
    address: int
    """RAX: the linear address of a page; of VMGEXIT nothing."""
    rcx: int
    """ECX: 1 for 2 MiB."""
    rdx: int
    """EDX: whether to validate; or permissions."""


class PortForm(Struct, frozen=True):
    """How an instruction that is still to be done names its port: what a TD is told of it."""

    string: bool
    """INS or OUTS; else IN or OUT."""
    repeated: bool
    immediate: bool
    """The port's number stands in the instruction, not in DX."""
    address_bytes: int
    """Of a string's address: 2, 4 or 8."""
    segment: int = 3
    """The register of OUTS's source, as x86 counts them (ES, CS, SS, DS, FS, GS)."""


class PortIn(Exiting, frozen=True):
    """IN of 1, 2 or 4 bytes; it has retired with a value of 0, or has a form."""

    port: int
    width: int
    form: PortForm | None = None


class PortOut(Exiting, frozen=True):
    """OUT of 1, 2 or 4 bytes; it has retired, or has a form."""

    port: int
    width: int
    value: int
    form: PortForm | None = None


class Rdtsc(Exiting, frozen=True):
    """RDTSC, or RDTSCP, which also gives the processor id."""

    processor_id: bool = False


class PauseHint(Exiting, frozen=True):
    """PAUSE."""


class Hlt(Exiting, frozen=True):
    """HLT."""


class ReadTaskPriority(Exiting, frozen=True):
    """MOV from CR8 into a 64-bit register."""

    into: str


class WriteTaskPriority(Exiting, frozen=True):
    """MOV to CR8."""

    value: int


class CacheFlush(Exiting, frozen=True):
    """WBINVD or INVD."""

    mnemonic: str


class SoftInterrupt(Exiting, frozen=True):
    """INT n or INT3."""

    vector: int


class Undefined(Exiting, frozen=True):
    """#UD of an instruction that calls nobody; `text` is its mnemonic."""

    text: str


class CpuFault(Exiting, frozen=True):
    """Any other exception, before its handler; `address` is what CR2 gets with a #PF."""

    vector: int
    error: int
    address: int


class NestedFault(Exiting, frozen=True):
    """An access that the nested table refuses; `error` as that of a #PF. `gpa` is the guest's
    own, with the shared bit if it has one; `gla`: the linear address, where it is known."""

    error: int
    gpa: int
    gla: int | None = None


class MmioRead(Exiting, frozen=True):
    """A load of 1 to 8 bytes from a device, into a register or a part of one by its own name;
    `signed`: its sign fills what is left."""

    gpa: int
    width: int
    into: str
    signed: bool


class MmioWrite(Exiting, frozen=True):
    """A store of 1 to 8 bytes to a device; `moved` is what the instruction leaves in registers
    beside that. A round of REP STOS that is not the last one has size 0."""

    gpa: int
    width: int
    value: int
    moved: tuple[tuple[str, int], ...] = ()


class OddAccess(Exiting, frozen=True):
    """An access to a device by an instruction, `text`, that is not decoded; `doing`: reading,
    writing or fetching."""

    doing: str
    gpa: int
    text: str


class NotOffered(Exiting, frozen=True):
    """An instruction that this machine does not have; `name` is the exit's."""

    name: str


class Monitor(Exiting, frozen=True):
    """MONITOR of a linear address, with extensions (RCX)."""

    address: int
    extensions: int


class Mwait(Exiting, frozen=True):
    """MWAIT with a hint (EAX) and extensions (RCX)."""

    hint: int
    extensions: int


class Rdpmc(Exiting, frozen=True):
    """RDPMC of a counter (ECX); there are none."""

    counter: int


class ShutDown(Exiting, frozen=True):
    """The CPU gave up on a fault that it could not deliver."""


class Syscall(Exiting, frozen=True):
    """SYSCALL; `enabled`: it is no undefined instruction here."""

    enabled: bool


class EngineFailed(Exiting, frozen=True):
    """The emulator cannot go on; `text` are its own words."""

    text: str


Asked = (
    Cpuid
    | Rdmsr
    | Wrmsr
    | ControlWrite
    | RandomNumber
    | Vmcall
    | Tdcall
    | SevInstruction
    | PortIn
    | PortOut
    | Rdtsc
    | PauseHint
    | Hlt
    | ReadTaskPriority
    | WriteTaskPriority
    | CacheFlush
    | SoftInterrupt
    | Undefined
    | CpuFault
    | NestedFault
    | MmioRead
    | MmioWrite
    | OddAccess
    | NotOffered
    | Monitor
    | Mwait
    | Rdpmc
    | ShutDown
    | Syscall
    | EngineFailed
)
