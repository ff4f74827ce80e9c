"""The way to an image's debug information, which a boot without a screen never pays for.

pyelftools is slow to import and guards against nothing: a damaged section may raise whatever
its parsers happen to trip over. Here damage only costs what it hides.

It is slow to read as well: one struct of the sample shim costs as much as half a boot of 3
CPUs. So what was read is kept for the next session of the process, and on disk for the next
process. The key is always the file's own bytes, never its name: an image that was rebuilt is
another image.
"""

import io
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any, Final, TypeVar

from emu.boot.cache import DebugCache, cache_root
from emu.boot.dwarf_entries import Entries, Unit, sections_of
from emu.boot.image import Image

IMAGES_KEPT: Final = 8
"""Of so many images at most the debug information is kept when their sessions are gone."""

T = TypeVar("T")


class DebugInfo:
    """What one image says about its source: asked of the cache first, else parsed."""

    def __init__(self, sha256: str, data: bytes) -> None:
        """`data`: the whole ELF file."""
        self._data = data
        self.present = b"debug_info\0" in data
        """Whether there is any, by the name of its section."""
        self._cache = DebugCache(cache_root() if self.present else None, sha256)

    def answer(self, question: str, kind: type[T], look: Callable[[], T]) -> T:
        """What is known, or what `look` finds; `kind` is the answer's type."""
        known = self._cache.read(question, kind)
        if known is None:
            known = look()
            if self.dwarf is not None:  # else it may be this system that cannot read it today
                self._cache.write(question, known)
        return known

    @cached_property
    def dwarf(self) -> Any | None:
        """The parsed file, None where nothing can be read."""
        from elftools.elf.elffile import ELFFile

        try:
            elf = ELFFile(io.BytesIO(self._data))
            return elf.get_dwarf_info() if elf.has_dwarf_info() else None
        except Exception:
            return None

    @cached_property
    def entries(self) -> Entries | None:
        """The units with code, whose entries are read quickly."""
        return None if self.dwarf is None else Entries(sections_of(self.dwarf))

    def mentions(self, word: bytes) -> bool:
        """Whether the names in it have a word in them."""
        if not self.present or self.entries is None:
            return False
        sections = self.entries.sections
        return word in sections.strings or word in sections.info

    def unit_at(self, start: int) -> Unit | None:
        """The unit with code that begins at an offset of .debug_info."""
        return None if self.entries is None else self.entries.at(start)

    @cached_property
    def units(self) -> tuple[Any, ...]:
        """Compilation units up to the first whose header is damaged: it hides the next ones."""
        return tuple(_units(self.dwarf)) if self.dwarf is not None else ()


def debug_info(image: Image) -> DebugInfo:
    """One for all sessions that boot the same bytes."""
    return _debug_info(image.sha256, image.data)


@lru_cache(maxsize=IMAGES_KEPT)
def _debug_info(sha256: str, data: bytes) -> DebugInfo:
    return DebugInfo(sha256, data)


def _units(dwarf: Any) -> Iterator[Any]:
    found = dwarf.iter_CUs()
    while True:
        try:
            unit = next(found)
        except Exception:  # StopIteration too
            return
        yield unit
