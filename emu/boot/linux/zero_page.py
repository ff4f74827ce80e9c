"""What a Linux kernel is handed at its 64-bit entry: `struct boot_params`, the zero page.

Source: Linux, Documentation/arch/x86/boot.rst ("64-bit boot protocol", header fields) and
zero-page.rst (offsets), arch/x86/include/uapi/asm/bootparam.h.
"""

import struct
from typing import Final, Literal

from msgspec import Struct

from emu.hw.address import PAGE_BYTES

E820_MAX: Final = 128
"""Entries that the page has room for."""
_PROTOCOL: Final = 0x20F
_LOADER_OTHER: Final = 0xFF
_LOADED_HIGH: Final = 1
_XLOADFLAGS: Final = 3
"""XLF_KERNEL_64 and XLF_CAN_BE_LOADED_ABOVE_4G."""
_ALIGNMENT: Final = 0x20_0000

E820Kind = Literal["ram", "reserved", "acpi", "nvs"]
_KINDS: Final[dict[E820Kind, int]] = {"ram": 1, "reserved": 2, "acpi": 3, "nvs": 4}
"""ACPI 6.6, table 15.4: AddressRangeMemory, -Reserved, -ACPI, -NVS."""


class E820(Struct, frozen=True):
    """One range of the memory map."""

    gpa: int
    size: int
    kind: E820Kind


class ZeroPage(Struct, frozen=True, kw_only=True):
    """What is put into it; all else is 0."""

    e820: tuple[E820, ...]
    command_line: int
    """GPA of the text, which ends with a zero byte."""
    rsdp: int
    initrd: tuple[int, int] = (0, 0)
    """(GPA, bytes)"""

    def pack(self) -> bytes:
        """4096 bytes."""
        page = bytearray(PAGE_BYTES)
        entries = self.e820[:E820_MAX]
        for offset, form, value in (
            (0x070, "<Q", self.rsdp),
            (0x1E8, "<B", len(entries)),
            (0x1FE, "<H", 0xAA55),
            (0x202, "<4s", b"HdrS"),
            (0x206, "<H", _PROTOCOL),
            (0x210, "<B", _LOADER_OTHER),
            (0x211, "<B", _LOADED_HIGH),
            (0x218, "<I", self.initrd[0] & 0xFFFFFFFF),
            (0x21C, "<I", self.initrd[1] & 0xFFFFFFFF),
            (0x228, "<I", self.command_line & 0xFFFFFFFF),
            (0x230, "<I", _ALIGNMENT),
            (0x236, "<H", _XLOADFLAGS),
            (0x0C0, "<I", self.initrd[0] >> 32),
            (0x0C4, "<I", self.initrd[1] >> 32),
            (0x0C8, "<I", self.command_line >> 32),
        ):
            struct.pack_into(form, page, offset, value)
        for index, one in enumerate(entries):
            struct.pack_into(
                "<QQI", page, 0x2D0 + 20 * index, one.gpa, one.size, _KINDS[one.kind]
            )
        return bytes(page)
