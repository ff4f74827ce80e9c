"""A Linux kernel, entered at its 64-bit entry as a boot loader does; no shim is in between.

It finds the zero page in RSI, flat descriptors, memory mapped one to one, ACPI tables with its
CPUs, a memory map and a command line. Source: Linux, Documentation/arch/x86/boot.rst, "64-bit
boot protocol". Its APs wait for INIT and SIPI, or at an ACPI mailbox, by the platform.
"""

from typing import Final

from msgspec.structs import replace

from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.contracts.flat import laid
from emu.boot.entry import long_mode
from emu.boot.image import Image, Placed
from emu.boot.layout import GDT, BootLayout, Builder
from emu.boot.lines import LineTable
from emu.boot.linux import acpi
from emu.boot.linux.parked import LOOP, LOOP_AT, parked
from emu.boot.linux.zero_page import E820, ZeroPage
from emu.boot.pagetables import TABLE_PAGES_MAX, identity_tables
from emu.boot.parameters import Range
from emu.boot.platform import Platform
from emu.boot.structs import structs_of
from emu.boot.symbols import SymbolMap
from emu.errors import ImageError, PlatformError
from emu.given.plain import plain
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, align_up

_LOADER: Final = 0x5_0000
"""What the loader leaves, in RAM that the kernel may use: below it, apart from the first page,
is room for the code in which APs begin."""
_ACPI: Final = 0x8_0000
_FIRMWARE: Final = 0x9_5000
"""From here on memory is the firmware's: ACPI NVS, which Linux neither uses nor, in a TD,
shares with the host."""
_ACPI_BYTES: Final = _FIRMWARE - _ACPI
_MAILBOX: Final = 0x9_E000
_LOW_END: Final = 0x9_F000
_BIOS_ENTRY: Final = 0xF_FFF0
_RESET: Final = bytes.fromhex("b006 baf90c ee f4 ebfd")
"""mov al, 6; mov dx, 0xcf9; out dx, al; hlt; jmp back: a kernel that finds hardware-reduced
ACPI and no EFI reboots by going to F000:FFF0 in real mode (arch/x86/kernel/reboot.c,
BOOT_BIOS)."""
_HIGH: Final = 0x10_0000
_COMMAND_LINE_MAX: Final = 2047
"""COMMAND_LINE_SIZE of x86, without the zero byte."""


def recognise(image: Image) -> bool:
    """Whether it is linked in the upper half."""
    return any(segment.above for segment in image.segments)


def lay_out(loaded: Loaded) -> BootLayout:
    """Place everything; raises ImageError or PlatformError where it does not fit."""
    image, platform = loaded.image, loaded.platform
    _check(image, platform)
    memory = (0, platform.memory_bytes)
    if image.first < _HIGH:
        raise ImageError(f"{image.path}: is loaded at {image.first:#x}, below 1 MiB")
    build = Builder(_LOADER)
    gdt = build.place("GDT", GDT)
    line = build.place("command line", _text(loaded.cmdline))
    tables, _ = build.take("page tables", TABLE_PAGES_MAX * PAGE_BYTES)
    zero_page, _ = build.take("zero page", PAGE_BYTES)
    waits = platform.start != "sipi"
    described = acpi.tables(
        _ACPI, platform.apic_ids, _MAILBOX if waits else None, absent=platform.absent
    )
    if len(described.data) > _ACPI_BYTES:
        raise PlatformError(
            f"{platform.cpus:,} CPUs: their ACPI table has no room below 640 KiB"
        )
    build.next = _ACPI
    build.place("ACPI tables", described.data)
    kept = _firmware(build, memory) if waits else None
    placed = build.load("vmlinux", image, image.first)
    initrd = _initrd(build, loaded, memory[1])
    page = ZeroPage(
        e820=(
            E820(PAGE_BYTES, _ACPI - PAGE_BYTES, "ram"),
            E820(_ACPI, _ACPI_BYTES, "acpi"),
            E820(_FIRMWARE, _LOW_END - _FIRMWARE, "nvs"),
            E820(_HIGH, memory[1] - _HIGH, "ram"),
        ),
        command_line=line, rsdp=described.rsdp, initrd=initrd,
    )  # fmt: skip
    build.chunks += [
        (zero_page, page.pack()),
        (_BIOS_ENTRY, _RESET),
        (tables, identity_tables(tables, (memory,), local_map=False, reset_page=False)),
    ]
    entry = long_mode(image.entry, zero_page, tables, gdt, len(GDT))
    aps = (
        ()
        if kept is None
        else parked(entry, _MAILBOX, *kept, platform.apic_ids[1 : platform.present])
    )
    found = laid(
        placed, (memory,), tuple(build.chunks), (entry, *aps), tuple(build.regions),
        mailbox=_MAILBOX if waits else None,
    )  # fmt: skip
    images = (placed, *(Placed("symbols", one, 0) for one in loaded.symbols))
    return replace(
        found, x2apic=platform.hyperv or platform.kvm, open_bus=True,
        os_entry=image.entry, placed=images,
        symbols=SymbolMap(images), lines=LineTable(images),
        structs=structs_of(images[-1].image),
    )  # fmt: skip


def _firmware(build: Builder, memory: Range) -> tuple[int, int]:
    """What parked APs run on, in memory that the OS keeps its hands off: (tables, GDT)."""
    build.next = _FIRMWARE
    mapped = identity_tables(_FIRMWARE, (memory,), local_map=False, reset_page=False)
    tables = build.place("firmware's page tables", mapped)
    gdt = build.place("firmware's GDT", GDT)
    assert build.next <= _MAILBOX, "3 GiB need 5 tables"
    build.next = _MAILBOX
    build.place("mailbox", bytes(LOOP_AT) + LOOP)
    return tables, gdt


def _check(image: Image, platform: Platform) -> None:
    """Refuse what it would die on: it takes a guest of VBS for one without isolation, and a TD
    has to stay in x2APIC mode, which Linux leaves unless a hypervisor is seen that allows it
    without remapped interrupts (arch/x86/kernel/apic/apic.c, try_to_enable_x2apic)."""
    if platform.isolation == "vbs":
        raise PlatformError(
            f"{image.path}: a Linux kernel by itself boots on platforms without VBS, of which "
            f"{plain(platform.name)} is none: `--platform linux` is"
        )
    if platform.isolation == "tdx" and not (platform.hyperv or platform.kvm):
        raise PlatformError(
            f"{image.path}: as a TD a Linux kernel wants a hypervisor that allows x2APIC mode: "
            f'hyperv = true or hypervisor = "kvm", which {plain(platform.name)} does not say'
        )


def _text(cmdline: str) -> bytes:
    try:
        text = cmdline.encode()
    except UnicodeEncodeError:
        raise PlatformError("--cmdline: is no UTF-8 text") from None
    if len(text) > _COMMAND_LINE_MAX:
        raise PlatformError(f"--cmdline: {len(text):,} bytes, {_COMMAND_LINE_MAX:,} fit")
    return text + b"\0"


def _initrd(build: Builder, loaded: Loaded, end: int) -> tuple[int, int]:
    """(GPA, bytes) of the initrd, at the end of memory: the kernel grows behind its image."""
    needed = align_up(len(loaded.initrd), PAGE_BYTES)
    least = align_up(build.next, LARGE_BYTES) + needed
    if least > end:
        raise PlatformError(
            f"{end >> 20:,} MiB of memory are not enough for {loaded.image.path}, which takes "
            f"{least >> 20:,} MiB: raise --memory"
        )
    if not loaded.initrd:
        return 0, 0
    build.next = end - needed
    return build.place("initrd", loaded.initrd), len(loaded.initrd)


CONTRACT: Final = Contract(
    "linux",
    "a Linux kernel, entered as a boot loader does",
    recognise,
    lay_out,
    takes=("initrd", "cmdline", "symbols"),
    hands_over=False,
    platform="linux",
)
