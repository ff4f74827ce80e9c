"""Addresses that say whose they are: guest-virtual, guest-physical and host-physical."""

from typing import Final, NewType

Gva = NewType("Gva", int)
"""An address as the guest's code sees it, before the guest's page tables."""
Gpa = NewType("Gpa", int)
"""An address after the guest's page tables and before the nested page table."""
Hpa = NewType("Hpa", int)
"""An address in the one memory of the host, after the nested page table."""

PAGE_BYTES: Final = 4096
PAGE_MASK: Final = PAGE_BYTES - 1
LARGE_BYTES: Final = 2 << 20
HUGE_BYTES: Final = 1 << 30
U64: Final = (1 << 64) - 1
ENCRYPTION_BIT: Final = 1 << 51
"""The C-bit of SEV guests on the processors of the field (APM 2, 15.34)."""

RESET_PAGE: Final = Gpa(0xFFFFF000)
"""The page with the reset vector; in openhcl_boot also the mailbox (openvmm,
vm/loader/igvmfilegen/src/vp_context_builder/tdx.rs)."""


def page_of(address: int) -> int:
    """The start of the 4 KiB page that holds an address."""
    return address & ~PAGE_MASK


def align_up(value: int, alignment: int) -> int:
    """The smallest multiple of a power of two that is not below a value."""
    return (value + alignment - 1) & ~(alignment - 1)


def canonical(address: int) -> bool:
    """Whether bits 63:47 of a 64-bit linear address are all equal (SDM 1, 3.3.7.1)."""
    return (address >> 47) in (0, 0x1FFFF)


def canonical_of(address: int) -> int:
    """A 48-bit linear address with bits 63:48 as bit 47 is."""
    low = address & (1 << 48) - 1
    return low | (U64 ^ (1 << 48) - 1) if low >> 47 else low
