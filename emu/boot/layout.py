"""What lies in guest memory before the first instruction, as values; a contract makes them."""

import struct
from typing import Final

from msgspec import Struct

from emu.boot.entry import EntryState
from emu.boot.image import Image, Placed
from emu.boot.lines import LineTable
from emu.boot.parameters import Range
from emu.boot.platform import Platform
from emu.boot.roles import GivenRoles
from emu.boot.structs import Structs
from emu.boot.symbols import SymbolMap
from emu.errors import ImageError, PlatformError
from emu.hw.address import PAGE_BYTES, RESET_PAGE, align_up
from emu.igvm.launch_pages import LaunchPages

GDT: Final = struct.pack("<4Q", 0, 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF)
"""Selector 0x10 is 64-bit code, 0x18 flat data; both accessed, so nobody writes them."""

MMIO: Final = ((0xF800_0000, 0x0800_0000), (0xF_E000_0000, 0x2000_0000))
"""(GPA, bytes) where devices are, and no memory: the ranges of the vmbus nodes, the APICs and
the firmware below 4 GiB."""


class Region(Struct, frozen=True):
    """A range of guest memory with a name for people."""

    name: str
    gpa: int
    size: int


class BootLayout(Struct, frozen=True, kw_only=True):
    """Everything the machine needs to begin."""

    name: str
    ram: tuple[Range, ...]
    """(GPA, bytes) of all memory there is."""
    accepted: tuple[Range, ...]
    """(GPA, bytes) of what the loader imported as accepted."""
    chunks: tuple[tuple[int, bytes], ...]
    """What to write where."""
    shared: tuple[tuple[int, bytes], ...] = ()
    """What to write where the host sees it, too: a page that is not the guest's yet."""
    entry: EntryState
    """How the BSP begins."""
    others: tuple[EntryState, ...] = ()
    """How CPUs 1, 2, ... begin that run from the first tick on."""
    regions: tuple[Region, ...]
    placed: tuple[Placed, ...]
    symbols: SymbolMap
    lines: LineTable
    structs: Structs
    host_dtb_gpa: int | None = None
    """Where the host's device tree is handed to the image, if one is."""
    mailbox_gpa: int | None = None
    """Known beforehand only where the reset page is the mailbox."""
    x2apic: bool = False
    """Whether firmware has switched every local APIC to x2APIC mode."""
    open_bus: bool = False
    """Whether loads from where nothing is read all ones, and stores there are lost, as on a PC;
    else such an access ends the machine, which says so."""
    places: GivenRoles = ()
    """Places of the images by their role, where no symbol tells."""
    msrs: tuple[tuple[int, int, int], ...] = ()
    """(CPU, number, value) of those that are other than after reset."""
    os_entry: int | None = None
    """The address at which the OS is entered, if one is loaded."""
    launch: tuple[LaunchPages, ...] = ()
    """By address: which pages an IGVM file laid down, and which of them are measured."""


def banks(platform: Platform, memory: Range) -> tuple[Range, ...]:
    """(GPA, bytes) of all memory: low memory where there is more, what the platform has
    besides, and the page of the reset vector where the CPUs begin there. Raises PlatformError
    where two ranges overlap."""
    low = platform.low_memory_bytes if memory[0] else 0
    at_reset = platform.start == "reset-vector"
    own = (
        *(((0, low),) if low else ()),
        memory,
        *(((RESET_PAGE, PAGE_BYTES),) if at_reset else ()),
    )
    more = tuple((one.base, one.size) for one in platform.numa.memory)
    for number, (start, size) in enumerate(more):
        for other, length in (*own, *MMIO, *more[:number]):
            if start < other + length and other < start + size:
                raise PlatformError(
                    f"platform {platform.name}: numa.memory: {start:#x} to {start + size:#x} "
                    f"overlaps {other:#x} to {other + length:#x}"
                )
    return (*own, *more)


class Builder:
    """Lays regions one after the other from the base of memory."""

    def __init__(self, base: int) -> None:
        self.next = base
        self.regions: list[Region] = []
        self.chunks: list[tuple[int, bytes]] = []

    def take(self, name: str, size: int, alignment: int = PAGE_BYTES) -> Range:
        """A range for a region of `size` bytes, rounded up to pages."""
        gpa, whole = align_up(self.next, alignment), align_up(size, PAGE_BYTES)
        self.next = gpa + whole
        self.regions.append(Region(name, gpa, whole))
        return gpa, whole

    def place(self, name: str, data: bytes, alignment: int = PAGE_BYTES) -> int:
        """A region with content; its GPA."""
        gpa, _ = self.take(name, len(data), alignment)
        self.chunks.append((gpa, data))
        return gpa

    def load(self, name: str, image: Image, gpa: int) -> Placed:
        """An image at an address, which need not be the next one, but not below it."""
        self.next = gpa
        self.take(name, image.size)
        bias = gpa - image.first
        self.chunks += [(s.address + bias, s.data) for s in image.segments if s.data]
        return Placed(name, image, bias)


def memory_for(image: Image, platform: Platform) -> Range:
    """The platform's memory; an executable linked below it moves it down to 0. Raises
    ImageError where an executable does not fit."""
    base, size = platform.memory_base, platform.memory_bytes
    if image.kind == "executable" and image.first < base:
        base = 0
    end = image.first + image.size
    if image.kind == "executable" and end > base + size:
        raise ImageError(
            f"{image.path}: is linked at {image.first:#x} to {end:#x}, and "
            f"memory lies at {base:#x} to {base + size:#x}: move it, or raise --memory"
        )
    return base, size
