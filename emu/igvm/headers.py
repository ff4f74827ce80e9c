"""The variable headers of an IGVM file, one value for each kind.

Source: microsoft/igvm, `igvm_defs/src/lib.rs` (the specification of the format). Field by field
as in the file: little endian, no gaps; addresses are GPAs and sizes bytes unless a name says
otherwise.
"""

import struct
from typing import ClassVar, Final, Self

from msgspec import Struct

PLATFORMS: Final = {
    0: "native", 1: "VBS", 2: "SEV-SNP", 3: "TDX", 4: "SEV", 5: "SEV-ES", 6: "Arm CCA",
}  # fmt: skip
"""IgvmPlatformType."""
VBS, SNP, TDX, CCA = 1, 2, 3, 6
PAGE_TYPES: Final = {0: "normal", 1: "secrets", 2: "CPUID", 3: "CPUID-XF"}
"""IgvmPageDataType."""
UNMEASURED, SHARED, TWO_MIB = 1 << 1, 1 << 2, 1 << 0
"""IgvmPageDataFlags."""


class Header(Struct, frozen=True):
    """Any of them: `at` is where it begins in the file."""

    LAYOUT: ClassVar[struct.Struct]
    NAME: ClassVar[str]
    at: int

    @classmethod
    def read(cls, at: int, payload: bytes) -> Self:
        """One header of its bytes, which are `LAYOUT.size`."""
        return cls(at, *cls.LAYOUT.unpack(payload))


class LaunchPlatform(Header, frozen=True):
    """A platform that the file is for, and the bit by which other headers name it."""

    LAYOUT = struct.Struct("<IBBHQ")
    NAME = "SUPPORTED_PLATFORM"
    mask: int
    highest_vtl: int
    kind: int
    version: int
    shared_boundary: int
    """From this GPA on memory is the host's to see; 0: the guest manages that itself."""

    @property
    def name(self) -> str:
        """As people call it."""
        return PLATFORMS.get(self.kind, f"platform {self.kind}")


class GuestPolicy(Header, frozen=True):
    """What the guest allows to be done with it, in the platform's own bits."""

    LAYOUT = struct.Struct("<QII")
    NAME = "GUEST_POLICY"
    policy: int
    mask: int
    reserved: int


class RelocatableRegion(Header, frozen=True):
    """Pages that may be loaded elsewhere, all by the same distance."""

    LAYOUT = struct.Struct("<IHBBQQQQQ")
    NAME = "RELOCATABLE_REGION"
    mask: int
    vp_index: int
    vtl: int
    flags: int
    alignment: int
    gpa: int
    size: int
    minimum: int
    maximum: int


class PageTableRegion(Header, frozen=True):
    """Page tables that have to follow what is relocated; `used_size` is in bytes."""

    LAYOUT = struct.Struct("<IHBBQQQ")
    NAME = "PAGE_TABLE_RELOCATION_REGION"
    mask: int
    vp_index: int
    vtl: int
    reserved: int
    gpa: int
    size: int
    used_size: int


class Corim(Header, frozen=True):
    """A signed statement about the launch measurement (CoRIM): bytes of the file."""

    LAYOUT = struct.Struct("<IIII")
    NAME = "CORIM_DOCUMENT"
    mask: int
    file_offset: int
    size: int
    reserved: int


class CorimSignature(Corim, frozen=True):
    """Its signature."""

    NAME = "CORIM_SIGNATURE"


class CcaPolicy(Header, frozen=True):
    """What an Arm realm is measured and personalised with."""

    LAYOUT = struct.Struct("<IIQQBB6s")
    NAME = "CCA_POLICY"
    mask: int
    reserved: int
    zeros: int
    ones: int
    hash: int
    lfa: int
    rest: bytes


class ParameterArea(Header, frozen=True):
    """Memory that the host fills with what it knows, before `ParameterInsert` lays it down."""

    LAYOUT = struct.Struct("<QII")
    NAME = "PARAMETER_AREA"
    size: int
    index: int
    file_offset: int


class PageData(Header, frozen=True):
    """One page of 4 KiB; `file_offset` 0: of zeros."""

    LAYOUT = struct.Struct("<QIIIHH")
    NAME = "PAGE_DATA"
    gpa: int
    mask: int
    file_offset: int
    flags: int
    kind: int
    reserved: int


class ParameterInsert(Header, frozen=True):
    """An area takes its place, unmeasured, the lowest page first."""

    LAYOUT = struct.Struct("<QII")
    NAME = "PARAMETER_INSERT"
    gpa: int
    mask: int
    index: int


class InitialContext(Header, frozen=True):
    """Registers that a CPU begins with, in the platform's own format."""

    LAYOUT = struct.Struct("<QIIHH")
    NAME = "VP_CONTEXT"
    gpa: int
    mask: int
    file_offset: int
    vp_index: int
    reserved: int


class RequiredMemory(Header, frozen=True):
    """Memory that has to be there, or the file is not to be loaded."""

    LAYOUT = struct.Struct("<QIIII")
    NAME = "REQUIRED_MEMORY"
    gpa: int
    mask: int
    size: int
    flags: int
    reserved: int


class HostParameter(Header, frozen=True):
    """What the host writes into an area, and where."""

    LAYOUT = struct.Struct("<II")
    NAME = ""
    index: int
    byte_offset: int


class VpCount(HostParameter, frozen=True):
    """The number of CPUs, 4 bytes."""

    NAME = "VP_COUNT"


class Srat(HostParameter, frozen=True):
    """The ACPI table of this name."""

    NAME = "SRAT"


class Madt(HostParameter, frozen=True):
    """The ACPI table of this name."""

    NAME = "MADT"


class MmioRanges(HostParameter, frozen=True):
    """Two ranges: page and count, 8 bytes each."""

    NAME = "MMIO_RANGES"


class MemoryMap(HostParameter, frozen=True):
    """Ranges of memory, 24 bytes each, up to one without pages."""

    NAME = "MEMORY_MAP"


class CommandLine(HostParameter, frozen=True):
    """Text that ends with a zero byte."""

    NAME = "COMMAND_LINE"


class Slit(HostParameter, frozen=True):
    """The ACPI table of this name."""

    NAME = "SLIT"


class Pptt(HostParameter, frozen=True):
    """The ACPI table of this name."""

    NAME = "PPTT"


class DeviceTree(HostParameter, frozen=True):
    """A flattened device tree, with all that the host has to say."""

    NAME = "DEVICE_TREE"


class EnvironmentInfo(HostParameter, frozen=True):
    """4 bytes; bit 0: memory is shared with the host at first."""

    NAME = "ENVIRONMENT_INFO"


class ErrorRange(Header, frozen=True):
    """Where the guest tells the host about errors: shared memory."""

    LAYOUT = struct.Struct("<QII")
    NAME = "ERROR_RANGE"
    gpa: int
    mask: int
    size: int


class SnpIdBlock(Header, frozen=True):
    """A signature over the launch digest that is expected; `rest` are keys and signatures."""

    LAYOUT = struct.Struct("<IB3s48s16s16sII600s")
    NAME = "SNP_ID_BLOCK"
    mask: int
    author_key: int
    reserved: bytes
    digest: bytes
    family: bytes
    image: bytes
    version: int
    guest_svn: int
    rest: bytes


class VbsMeasurement(Header, frozen=True):
    """A signature over the boot digest that is expected."""

    LAYOUT = struct.Struct("<8I64s256s512s")
    NAME = "VBS_MEASUREMENT"
    mask: int
    version: int
    product: int
    module: int
    security_version: int
    policy: int
    digest_kind: int
    signature_kind: int
    digest: bytes
    signature: bytes
    public_key: bytes


KINDS: Final[dict[int, type[Header]]] = {
    0x001: LaunchPlatform,
    0x101: GuestPolicy, 0x102: RelocatableRegion, 0x103: PageTableRegion, 0x104: Corim,
    0x105: CorimSignature, 0x106: CcaPolicy,
    0x301: ParameterArea, 0x302: PageData, 0x303: ParameterInsert, 0x304: InitialContext,
    0x305: RequiredMemory, 0x307: VpCount, 0x308: Srat, 0x309: Madt, 0x30A: MmioRanges,
    0x30B: SnpIdBlock, 0x30C: MemoryMap, 0x30D: ErrorRange, 0x30E: CommandLine, 0x30F: Slit,
    0x310: Pptt, 0x311: VbsMeasurement, 0x312: DeviceTree, 0x313: EnvironmentInfo,
}  # fmt: skip
"""IgvmVariableHeaderType."""
SECTIONS: Final = (range(0x001, 0x101), range(0x101, 0x201), range(0x301, 0x401))
"""Types of platforms, of what comes first, and of directives; they follow in this order."""
OPTIONAL: Final = 1 << 31
"""In a type: a loader that does not know it may go on."""


def mask_of(header: Header) -> int | None:
    """The platforms that it is for; None: it has no mask, and is for all."""
    return getattr(header, "mask", None)
