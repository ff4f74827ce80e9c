"""The zero page, field by field as Linux's documents have it."""

import struct

import pytest

from emu.boot.linux.zero_page import E820, ZeroPage

PAGE = ZeroPage(
    e820=(
        E820(0x1000, 0x7F000, "ram"), E820(0x8_0000, 0x1000, "acpi"),
        E820(0x9_E000, 0x1000, "nvs"), E820(0xF_0000, 0x1_0000, "reserved"),
    ),
    command_line=0x1_2345_6000, rsdp=0x2_0008_0000, initrd=(0x3_1000_0000, 0x1_0000_0200),
)  # fmt: skip
FIELDS = [
    # Documentation/arch/x86/zero-page.rst: offset, size, name
    ("acpi_rsdp_addr", 0x070, 8, 0x2_0008_0000),
    ("ext_ramdisk_image", 0x0C0, 4, 3),
    ("ext_ramdisk_size", 0x0C4, 4, 1),
    ("ext_cmd_line_ptr", 0x0C8, 4, 1),
    ("e820_entries", 0x1E8, 1, 4),
    ("sentinel", 0x1EF, 1, 0),
    # Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"
    ("boot_flag", 0x1FE, 2, 0xAA55),
    ("header", 0x202, 4, 0x5372_6448),
    ("version", 0x206, 2, 0x020F),
    ("type_of_loader", 0x210, 1, 0xFF),
    ("loadflags", 0x211, 1, 1),
    ("ramdisk_image", 0x218, 4, 0x1000_0000),
    ("ramdisk_size", 0x21C, 4, 0x200),
    ("cmd_line_ptr", 0x228, 4, 0x2345_6000),
    ("kernel_alignment", 0x230, 4, 0x20_0000),
    ("xloadflags", 0x236, 2, 3),
    ("setup_data", 0x250, 8, 0),
]


@pytest.mark.parametrize(("name", "offset", "size", "value"), FIELDS)
def test_a_field_is_where_linux_looks(name: str, offset: int, size: int, value: int) -> None:
    page = PAGE.pack()
    assert len(page) == 4096
    assert int.from_bytes(page[offset : offset + size], "little") == value


def test_the_memory_map_begins_at_2d0_with_twenty_bytes_each() -> None:
    rows = struct.iter_unpack("<QQI", PAGE.pack()[0x2D0 : 0x2D0 + 4 * 20])
    # ACPI 6.6, table 15.4: 1 memory, 2 reserved, 3 ACPI, 4 NVS
    assert list(rows) == [
        (0x1000, 0x7F000, 1), (0x8_0000, 0x1000, 3), (0x9_E000, 0x1000, 4),
        (0xF_0000, 0x1_0000, 2),
    ]  # fmt: skip


def test_what_nobody_set_is_zero() -> None:
    page = bytearray(PAGE.pack())
    for _, offset, size, _ in FIELDS:
        page[offset : offset + size] = bytes(size)
    page[0x2D0 : 0x2D0 + 80] = bytes(80)
    assert not any(page)
