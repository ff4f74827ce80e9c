"""What a distribution's kernel needs behind a shim, besides what the shim hands over.

A shim hands over boot_params with an E820 of its own memory, and no RSDP: its kernel is built
for it. One of a distribution wants memory below 1 MiB for its trampoline, ACPI tables (it reads
no device tree), to lie in RAM, and a mailbox in memory that a TD keeps private. All that is
told by words of its command line, which the shim passes on: `acpi_rsdp=` and `memmap=` (Linux,
Documentation/admin-guide/kernel-parameters.txt; arch/x86/kernel/e820.c, parse_memmap_one).
"""

from typing import Final

from msgspec.structs import replace

from emu.boot.image import Image, Placed
from emu.boot.layout import Builder
from emu.boot.linux import acpi
from emu.boot.parameters import Range
from emu.boot.platform import Platform
from emu.boot.roles import roles_of
from emu.boot.symbols import SymbolMap
from emu.errors import PlatformError
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, RESET_PAGE, align_up

LOW_END: Final = 0x9_F000
"""Up to here memory below 1 MiB is the OS's; above may lie a firmware's own data."""
_TABLES: Final = 0x8_0000
_TABLES_BYTES: Final = 0x1_5000
_LOW_BYTES: Final = 1 << 20
_NO_MAILBOX: Final = "mailbox=off"
"""A word by which the sample starts no CPU where the kernel can."""
_RAM, _RESERVED, _NVS = 1, 2, 4
"""Types of E820 (ACPI 6.6, table 15.4)."""


def is_linux(image: Image | None) -> bool:
    """Whether an image is linked in the upper half, as Linux is."""
    return image is not None and any(segment.above for segment in image.segments)


def with_low_memory(platform: Platform) -> Platform:
    """A platform with the RAM below 1 MiB that every PC has; raises PlatformError where the
    shim's own memory lies there."""
    if not platform.memory_base:
        raise PlatformError(
            f"platform {platform.name}: a Linux kernel behind a shim needs memory below 1 MiB "
            "that is not the shim's: memory.base must be above it"
        )
    return replace(platform, low_memory_bytes=max(platform.low_memory_bytes, _LOW_BYTES))


def place(build: Builder, kernel: Image) -> tuple[Placed, int]:
    """(the kernel, its entry): whole 2 MiB away from where it is linked, as its own code for a
    move wants it (arch/x86/kernel/head64.c, __startup_64)."""
    offset = kernel.first % LARGE_BYTES
    placed = build.load("kernel", kernel, align_up(build.next, LARGE_BYTES) + offset)
    return placed, kernel.entry + placed.bias


def as_it_runs(image: Placed) -> Placed:
    """A kernel where its names are: wherever it lies, it maps itself to where it is linked."""
    return replace(image, bias=0) if is_linux(image.image) else image


def words(kernel: Range, platform: Platform) -> str:
    """The words of the command line; `kernel`: where it lies, which the shim says is taken."""
    first, end = kernel[0], align_up(kernel[0] + kernel[1], PAGE_BYTES)
    found = [
        f"acpi_rsdp={_TABLES:#x}",
        f"memmap={_TABLES - PAGE_BYTES >> 10}K@{PAGE_BYTES >> 10}K",
        f"memmap={_TABLES_BYTES >> 10}K#{_TABLES >> 10}K",
        f"memmap={end - first >> 10}K%{first:#x}-{_RESERVED}+{_RAM}",
    ]
    if platform.start == "reset-vector":
        found.append(f"memmap=4K%{RESET_PAGE:#x}-{_RESERVED}+{_NVS}")
    return " ".join(found)


def tables(
    build: Builder, placed: tuple[Placed, ...], platform: Platform, cmdline: str
) -> Range:
    """The ACPI tables as a region of the layout; the low memory, in which they lie, as a range.
    Raises PlatformError."""
    mailbox = _mailbox(placed, platform, cmdline)
    described = acpi.tables(_TABLES, platform.apic_ids, mailbox, absent=platform.absent)
    if len(described.data) > _TABLES_BYTES:
        raise PlatformError(
            f"{platform.cpus:,} CPUs: their ACPI table has no room below 640 KiB"
        )
    build.next = _TABLES
    build.place("ACPI tables", described.data)
    return (0, platform.low_memory_bytes)


def _mailbox(placed: tuple[Placed, ...], platform: Platform, cmdline: str) -> int | None:
    """GPA of the mailbox at which the shim's APs wait; None where the kernel starts them."""
    if platform.cpus == 1:
        return None
    if platform.start == "reset-vector":
        return RESET_PAGE
    if platform.start == "hypercall" and _NO_MAILBOX in cmdline.split():
        return None
    return roles_of(SymbolMap(placed), platform.roles, None).first("mailbox")
