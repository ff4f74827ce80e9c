"""A System.map: the names and addresses of a Linux kernel as text.

Source: Linux, Makefile and scripts/mksysmap: what nm prints, `ffffffff81000000 T _text`; a line
of /proc/kallsyms may have its module behind it.
"""

from pathlib import Path
from typing import Final

from emu.boot.image import (
    KERNEL_MAP,
    SYMBOLS_MAX,
    UPPER_HALF,
    Image,
    ImageSegment,
    Symbol,
)
from emu.errors import ImageError
from emu.given.plain import shown

_FUNCTIONS: Final = "tTwW"
_FIELDS: Final = (3, 4)


def image_of(path: Path, data: bytes) -> Image:
    """An image that has nothing but names; raises ImageError with one sentence."""
    found = sorted(
        filter(None, (_symbol(path, *row) for row in enumerate(data.splitlines(), 1))),
        key=lambda symbol: (symbol.address, not symbol.function, symbol.name),
    )
    if not found:
        raise ImageError(f"{path}: names nothing in the upper half, where kernels run")
    if len(found) > SYMBOLS_MAX:
        raise ImageError(f"{path}: names {len(found):,} places, {SYMBOLS_MAX:,} are read")
    first, last = found[0].address, found[-1].address
    span = ImageSegment(first - KERNEL_MAP, b"", last - first + 1, 0, KERNEL_MAP)
    return Image(path, "executable", first, (span,), tuple(found), b"")


def _symbol(path: Path, number: int, line: bytes) -> Symbol | None:
    """What a line names; None for an offset in a CPU's own area, and for an undefined name."""
    fields = line.decode("ascii", "replace").split()
    undefined = len(fields) == 2 and fields[0] in ("U", "w")
    if not fields or undefined:
        return None
    try:
        if len(fields) not in _FIELDS or len(fields[1]) != 1:
            raise ValueError
        address = int(fields[0], 16)
    except ValueError:
        what = shown(line[:60].decode("ascii", "replace"))
        raise ImageError(
            f"{path}: is no ELF file, kernel or System.map: its line {number:,} is {what}"
        ) from None
    if not max(UPPER_HALF, KERNEL_MAP) <= address < 1 << 64:
        return None
    return Symbol(fields[2], address, 0, fields[1] in _FUNCTIONS)
