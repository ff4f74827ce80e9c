"""Code that runs as a copy: a trampoline in low memory, a page that a firmware moved.

No symbol and no line of source covers such an address. The bytes around it are looked for in
the images, when somebody asks and only then; what was found is kept by the page's content.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct

from emu.boot.image import Placed
from emu.boot.layout import BootLayout
from emu.hw.address import PAGE_BYTES
from emu.hw.context import Context
from emu.machine.virtual_memory import VirtualMemory

LEAST: Final = 16
"""Fewer bytes that agree are no copy."""
_SAMPLE: Final = 8
"""So many are looked for: of a copy they are all before an address, it included, or behind."""
_DULL: Final = 3
"""Fewer different bytes than that in a sample are a filler, which lies everywhere."""
_COMMON: Final = 256
"""What stands in an image as often as that is a filler, too."""
KEPT: Final = 64
"""Contents of pages that are remembered."""


class Copy(Struct, frozen=True):
    """Linear addresses whose bytes are those of an image."""

    first: int
    end: int
    original: int
    """Where the byte at `first` stands in the image, at its run address."""

    def origin(self, address: int) -> int:
        """The original of an address; itself where this is not copied."""
        covered = self.first <= address < self.end
        return address - self.first + self.original if covered else address


class _Found(Struct, frozen=True):
    """Bytes of a page that are an image's, by their offsets."""

    first: int
    end: int
    original: int


class Copies:
    """Where code comes from that runs outside of every image."""

    def __init__(self, layout: BootLayout, virtual: VirtualMemory) -> None:
        self._layout, self._virtual = layout, virtual
        self._known: dict[bytes, list[_Found]] = {}
        """Content of a page -> what was found in it."""
        self._nothing: dict[bytes, set[int]] = {}
        """Content of a page -> offsets at which it is nobody's copy."""

    def around(self, context: Context, address: int) -> Copy | None:
        """The copy that a linear address of a CPU lies in; None inside of an image, where it is
        not mapped, and where its bytes stand in no image or in more than one place."""
        if any(one.holds(address) for one in self._layout.placed):
            return None
        page = address & -PAGE_BYTES
        content = self._virtual.read(context, page, PAGE_BYTES)
        found = None if content is None else self._find(content, address - page)
        if found is None:
            return None
        return Copy(page + found.first, page + found.end, found.original)

    def original(self, context: Context, address: int) -> int:
        """The address in an image whose code a CPU executes at a linear address; that address
        itself if it is no copy's."""
        copy = self.around(context, address)
        return address if copy is None else copy.origin(address)

    def _find(self, content: bytes, offset: int) -> _Found | None:
        for known in self._known.get(content, ()):
            if known.first <= offset < known.end:
                return known
        if offset in self._nothing.get(content, ()):
            return None
        found = self._search(content, offset)
        if len(self._known) + len(self._nothing) >= KEPT:
            self._known.clear()
            self._nothing.clear()
        if found is None:
            self._nothing.setdefault(content, set()).add(offset)
        else:
            self._known.setdefault(content, []).append(found)
        return found

    def _search(self, content: bytes, offset: int) -> _Found | None:
        found: set[_Found] = set()
        for start in (offset, offset - _SAMPLE + 1):
            sample = content[start : start + _SAMPLE] if start >= 0 else b""
            if len(sample) < _SAMPLE or len(set(sample)) < _DULL:
                continue
            for item in self._layout.placed:
                for data, place in _parts(item):
                    matches = islice(_everywhere(data, sample), _COMMON)
                    found |= {_grown(content, start, data, place, at) for at in matches}
        longest = max((one.end - one.first for one in found), default=0)
        best = [one for one in found if one.end - one.first == longest]
        return best[0] if longest >= LEAST and len(best) == 1 else None


def _parts(item: Placed) -> Iterator[tuple[bytes, int]]:
    """What an image's file holds for memory: bytes, and the run address of the first."""
    for segment in item.image.segments:
        yield segment.data, segment.address + segment.above + item.bias


def _everywhere(data: bytes, sample: bytes) -> Iterator[int]:
    """Offsets at which a sample stands."""
    at = data.find(sample)
    while at >= 0:
        yield at
        at = data.find(sample, at + 1)


def _grown(content: bytes, start: int, data: bytes, place: int, at: int) -> _Found:
    """How far a page and an image agree around a sample that both have."""
    before = 0
    while before < min(start, at) and content[start - before - 1] == data[at - before - 1]:
        before += 1
    most = min(len(content) - start, len(data) - at)
    size = _SAMPLE
    while size < most and content[start + size] == data[at + size]:
        size += 1
    return _Found(start - before, start + size, place + at - before)
