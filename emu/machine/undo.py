"""Going back in memory: what every page held at the last checkpoint, if it has changed since.

All pages are read-only in the shadow nested table until the guest writes to them; that first
write is seen inside the emulator's own fault handler, the old bytes are kept, and the write
goes on. The host's writes are told by `HostMemory`. RAM is never copied as a whole.
"""

from typing import Final

from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.memory import HostMemory
from emu.hw.nested import NestedPageTable
from emu.hw.nested_walk import FRAME

Images = dict[int, bytes]
"""HPA of a page -> what it holds on the other side of an interval; empty: all zero."""

_ZERO: Final = bytes(PAGE_BYTES)


class UndoLog:
    """The pages that changed since the last checkpoint, as they were there."""

    def __init__(self, memory: HostMemory, npt: NestedPageTable) -> None:
        self._memory = memory
        self._npt = npt
        self.images: Images = {}
        self.stale: set[int] = set()
        """Pages that changed, or may have, since somebody last emptied this (the digest)."""

    def absorb(self, gpa: int) -> bool:
        """The guest writes to a read-only page: if only this log made it so, keep the old
        bytes, open the page and let the instruction go on."""
        page = gpa & ~(PAGE_BYTES - 1)
        npt = self._npt
        if not npt.liftable(page):
            return False
        hpa = npt.leaf(page) & FRAME
        if hpa not in self.images and hpa < self._memory.size:
            self._keep(hpa)
        npt.lift(page)
        return True

    def note(self, hpa: int, count: int) -> None:
        """The host is about to write."""
        for page in range(hpa & ~(PAGE_BYTES - 1), hpa + count, PAGE_BYTES):
            if page not in self.images:
                self._keep(page)

    def _keep(self, page: int) -> None:
        image = self._memory.read(Hpa(page), PAGE_BYTES)
        self.images[page] = b"" if image == _ZERO else image
        self.stale.add(page)

    def cut(self) -> Images:
        """A new checkpoint: what was kept since the last one; from now on all is new."""
        images, self.images = self.images, {}
        self._npt.seal()
        return images

    def swap(self, images: Images) -> None:
        """Exchange memory and images: the way over an interval, in either direction."""
        read, put = self._memory.read, self._memory.put_page
        for page, image in images.items():
            now = read(Hpa(page), PAGE_BYTES)
            put(page, image or _ZERO)
            images[page] = b"" if now == _ZERO else now
        self.stale.update(images)

    def revert(self) -> list[int]:
        """Back to the last checkpoint; the pages that were changed."""
        for page, image in self.images.items():
            self._memory.put_page(page, image or _ZERO)
        pages = list(self.images)
        self.stale.update(pages)
        self.images = {}
        return pages
