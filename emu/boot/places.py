"""Where somebody's loop, its mailbox and other files are put in memory, and what is free."""

from collections.abc import Iterator
from typing import Final

from emu.boot.image import Image, Placed
from emu.boot.parameters import Range
from emu.errors import PlatformError
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, PAGE_MASK, align_up

_HEAD_BYTES: Final = 16
"""Of a mailbox: command, reserved, APIC id, vector (ACPI 6.6, 5.2.12.19)."""


class Places:
    """What lies where somebody wants it; all else lies where there is room."""

    def __init__(self, ram: tuple[Range, ...], image: Image) -> None:
        self._ram, self._image = ram, image
        self._ranges: list[Range] = []

    def at(self, gpa: int, size: int, what: str) -> None:
        """Somebody wants `size` bytes there; raises PlatformError."""
        if not any(start <= gpa and gpa + size <= start + have for start, have in self._ram):
            have = ", ".join(f"{start:#x} to {start + size:#x}" for start, size in self._ram)
            raise PlatformError(
                f"{what} {gpa:#x}: memory lies at {have}: a platform file can move it "
                "(memory.base)"
            )
        if any(start < gpa + size and gpa < start + have for start, have in self._ranges):
            raise PlatformError(f"{what} {gpa:#x}: lies in the loop's own pages")
        first = gpa & ~PAGE_MASK
        self._ranges.append((first, align_up(gpa + size, PAGE_BYTES) - first))

    def page(self, gpa: int | None, loop: Placed) -> int:
        """The mailbox's page: one of its own, or one of the loop's that begins with a head
        without a command, as openhcl_boot's reset page does."""
        if gpa is None:
            return self.room(PAGE_BYTES)
        if gpa & PAGE_MASK:
            raise PlatformError(f"--mailbox {gpa:#x}: a mailbox is a page of 4 KiB")
        if not _begins_empty(loop, gpa):
            self.at(gpa, PAGE_BYTES, "--mailbox")
        return gpa

    def room(self, size: int, low: bool = False) -> int:
        """The first free place at a multiple of 2 MiB, or of a page below 1 MiB; raises
        PlatformError."""
        step = PAGE_BYTES if low else LARGE_BYTES
        start, have = self._ram[0] if low else self._ram[-1]
        for gpa in range(max(align_up(start, step), step), start + have - size + 1, step):
            if not any(at < gpa + size and gpa < at + some for at, some in self._ranges):
                self._ranges.append((gpa, align_up(size, PAGE_BYTES)))
                return gpa
        raise PlatformError(
            f"{have >> 20:,} MiB of memory are not enough for {self._image.path}: "
            "raise --memory"
        )


def chunks_of(loop: Placed) -> Iterator[tuple[int, bytes]]:
    """(GPA, bytes) of a loop; it may lie at any byte."""
    for segment in loop.image.segments:
        if segment.data:
            yield segment.address + loop.bias, segment.data


def _begins_empty(loop: Placed, gpa: int) -> bool:
    """Whether a page of the loop's begins with a mailbox that has no command in it."""
    return any(
        at <= gpa and data[gpa - at : gpa - at + _HEAD_BYTES] == bytes(_HEAD_BYTES)
        for at, data in chunks_of(loop)
    )
