"""Numbers of the TDX module's guest interface: completion codes, operands, page mappings."""

from enum import IntEnum
from typing import Final

from msgspec import Struct

from emu.hw.address import LARGE_BYTES, PAGE_BYTES, Gpa

SHARED_BIT: Final = 1 << 47
"""With GPAW 48 the top address bit says that the host can see a page."""
GPAW: Final = 48


class Code(IntEnum):
    """Bits 63:32 of what TDCALL leaves in RAX (TDX module ABI, completion status codes):
    bit 63 says error; without it the operation was done or was not needed."""

    SUCCESS = 0x0000_0000
    PAGE_ALREADY_ACCEPTED = 0x0000_0B0A
    OPERAND_INVALID = 0xC000_0100
    OPERAND_BUSY = 0x8000_0200
    NO_VALID_VE_INFO = 0xC000_0704
    EPT_WALK_FAILED = 0xC000_0B00
    EPT_ENTRY_FREE = 0xC000_0B01
    PAGE_SIZE_MISMATCH = 0xC000_0B0B
    EPT_ENTRY_STATE_INCORRECT = 0xC000_0B0D
    METADATA_FIELD_ID_INCORRECT = 0xC000_0C00
    METADATA_FIELD_NOT_WRITABLE = 0xC000_0C01
    METADATA_FIELD_VALUE_NOT_VALID = 0xC000_0C03


class Operand(IntEnum):
    """Which operand a code is about: bits 31:0 of RAX (GPRs by their encoding)."""

    RAX = 0
    RCX = 1
    RDX = 2
    R8 = 8
    R9 = 9


def completion(code: Code, operand: int = 0) -> int:
    """RAX after TDCALL: the code in 63:32, in 31:0 its detail: an operand, or a level of the
    nested table where the code is about the size of a page."""
    return code << 32 | operand


class Mapping(Struct, frozen=True):
    """A GPA mapping operand (RCX of the MEM.PAGE leaves): level in 2:0, address in 51:12."""

    level: int
    """0: 4 KiB, 1: 2 MiB."""
    gpa: Gpa

    @property
    def pages(self) -> int:
        """How many 4 KiB pages it covers."""
        return LARGE_BYTES // PAGE_BYTES if self.level else 1

    @property
    def large(self) -> bool:
        """Whether it is 2 MiB."""
        return self.level > 0


_LEVELS: Final = (PAGE_BYTES, LARGE_BYTES)
_MAPPING_DEFINED: Final = (1 << 52) - PAGE_BYTES | 7


def mapping(value: int) -> Mapping | None:
    """The mapping in a register; None for reserved bits, another level, an unaligned address
    or one that is not private."""
    level, gpa = value & 7, value & ~0xFFF
    if value & ~_MAPPING_DEFINED or level >= len(_LEVELS):
        return None
    if gpa % _LEVELS[level] or gpa >= SHARED_BIT:
        return None
    return Mapping(level, Gpa(gpa))
