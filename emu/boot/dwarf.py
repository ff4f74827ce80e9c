"""The way to an image's debug information, which a boot without a screen never pays for.

pyelftools is slow to import and guards against nothing: a damaged section may raise whatever
its parsers happen to trip over. Here damage only costs what it hides.

It is slow to read as well: one struct of the sample shim costs as much as half a boot of 3
CPUs. So what was read is kept for the next session of the process. The key is always the
file's own bytes, never its name: an image that was rebuilt is another image.
"""

import io
from collections.abc import Iterator
from typing import Any, Final

IMAGES_KEPT: Final = 8
"""Of so many images at most the debug information is kept when their sessions are gone."""


def dwarf_of(data: bytes) -> Any | None:
    """The DWARF of an ELF file, None where there is none that can be read."""
    from elftools.elf.elffile import ELFFile

    try:
        elf = ELFFile(io.BytesIO(data))
        return elf.get_dwarf_info() if elf.has_dwarf_info() else None
    except Exception:
        return None


def units(dwarf: Any) -> Iterator[Any]:
    """Compilation units up to the first whose header is damaged: it hides the next ones."""
    found = dwarf.iter_CUs()
    while True:
        try:
            unit = next(found)
        except Exception:  # StopIteration too
            return
        yield unit
