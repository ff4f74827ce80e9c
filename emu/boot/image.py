"""An ELF file that can be booted: its segments, its symbols, and names for addresses.

Only what the field boots: static x86-64 executables and PIEs (System V ABI, ELF-64). Headers
are read here, by hand, because start-up must be quick and hostile files must end in a
sentence; DWARF is read elsewhere, with a library.
"""

import hashlib
import struct
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from emu.boot.file_kinds import BARE, ELF, kind_of
from emu.errors import ImageError
from emu.given.files import read_file

FILE_BYTES_MAX: Final = 256 << 20
"""A file is held in memory twice; a kernel without debug information stays far below."""
IMAGE_BYTES_MAX: Final = 1 << 30
"""Memory an image may ask for: more than any boot shim or kernel of the field."""
ADDRESS_END: Final = 1 << 40
"""Where the emulated processor's physical addresses end."""
UPPER_HALF: Final = 1 << 63
"""Addresses from here on are those that kernels run at."""
KERNEL_MAP: Final = 0xFFFF_FFFF_8000_0000
"""Where Linux maps physical address 0 for its own code (Documentation/arch/x86/x86_64/mm.rst):
for files that say no physical addresses, as those that are made for their symbols alone."""
HEADERS_MAX: Final = 512
SYMBOLS_MAX: Final = 300_000
"""A whole Linux kernel has some 200,000; reading as many takes half a second."""
NAME_BYTES_MAX: Final = 4_096
"""Of one symbol; a damaged string table may hold no end at all."""
NAMES_BYTES_MAX: Final = 32 << 20
"""Of all symbols together: names may share their bytes."""

_EHDR: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR: Final = struct.Struct("<IIQQQQQQ")
_SHDR: Final = struct.Struct("<IIQQQQIIQQ")
_SYM: Final = struct.Struct("<IBBHQQ")
_EM_X86_64, _ET_EXEC, _ET_DYN = 62, 2, 3
_PT_LOAD, _PT_INTERP = 1, 3
PF_X: Final = 1
_SHT_SYMTAB = 2
_STT_FUNC, _STT_SECTION, _STT_FILE = 2, 3, 4
_SHN_UNDEF, _SHN_ABS = 0, 0xFFF1
_ARCHITECTURES: Final = {
    3: "32-bit x86", 40: "Arm", 62: "32-bit x86-64 (x32)", 183: "AArch64", 243: "RISC-V",
}  # fmt: skip


class ImageSegment(Struct, frozen=True):
    """A PT_LOAD: bytes for an address, then zeros up to `memory_bytes`; flags are PF_*."""

    address: int
    data: bytes
    memory_bytes: int
    flags: int
    above: int = 0
    """What is to be added to an address of a kernel that runs in the upper half, for where its
    symbols are."""


class Symbol(Struct, frozen=True):
    """A name for an address; size 0 means up to the next symbol."""

    name: str
    address: int
    size: int
    function: bool


class Image(Struct, frozen=True, dict=True):
    """One ELF file, at its link addresses. What follows from it is worked out once."""

    path: Path
    kind: Literal["executable", "pie"]
    entry: int
    segments: tuple[ImageSegment, ...]
    symbols: tuple[Symbol, ...]
    """Sorted by address."""
    data: bytes
    """The whole file, for whoever reads its DWARF."""

    @cached_property
    def sha256(self) -> str:
        """The hash of the whole file, as hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def first(self) -> int:
        """The lowest address of any segment, a multiple of 4 KiB."""
        return min(segment.address for segment in self.segments) & ~0xFFF

    @cached_property
    def size(self) -> int:
        """Bytes from the lowest address to the end of the last segment."""
        end = max(segment.address + segment.memory_bytes for segment in self.segments)
        return end - self.first

    @cached_property
    def linked(self) -> tuple[tuple[int, int], ...]:
        """[first, end) of the addresses that its symbols and lines are of: all of it, or the
        code of a kernel that runs in the upper half."""
        if not any(segment.above for segment in self.segments):
            return ((self.first, self.first + self.size),)
        return tuple(
            (one.address + one.above, one.address + one.above + one.memory_bytes)
            for one in self.segments
            if one.flags & PF_X
        )


def load_image(path: str | Path) -> Image:
    """Read an ELF file; raises ImageError with one sentence that names the file."""
    place = Path(path)
    return parse_image(place, read_file(place, FILE_BYTES_MAX, ImageError))


def parse_image(path: Path, data: bytes) -> Image:
    """Read an ELF file from its bytes; raises ImageError."""
    kind, entry, headers, sections = _header(path, data)
    segments, entry = _segments(path, data, headers), _low(entry)
    if not any(s.address <= entry < s.address + s.memory_bytes for s in segments):
        raise ImageError(f"{path}: the entry point {entry:#x} lies in no segment")
    symbols = _symbols(data, sections)
    return Image(path, kind, entry, segments, symbols, data)


def _header(
    path: Path, data: bytes
) -> tuple[Literal["executable", "pie"], int, tuple[int, int], tuple[int, int]]:
    """(kind, entry, (program header offset, count), (section header offset, count))."""
    if data[: len(ELF)] != ELF:
        raise ImageError(f"{path}: {_other(data)}")
    if len(data) < _EHDR.size:
        raise ImageError(f"{path}: is cut off inside the ELF header")
    ident, type_, machine, _, entry, phoff, shoff, _, _, phsize, phnum, shsize, shnum, _ = (
        _EHDR.unpack_from(data)
    )
    if ident[4] != 2 or ident[5] != 1 or machine != _EM_X86_64:
        other = _ARCHITECTURES.get(machine, "another machine")
        other = "a big-endian machine" if ident[5] == 2 else other
        raise ImageError(f"{path}: is for {other}; apdbg boots little-endian x86-64")
    if type_ not in (_ET_EXEC, _ET_DYN):
        raise ImageError(f"{path}: is no executable (ELF type {type_}): link it first")
    if phnum == 0 or phnum > HEADERS_MAX or phsize != _PHDR.size:
        raise ImageError(f"{path}: has {phnum} program headers of {phsize} bytes")
    if phoff + phnum * phsize > len(data):
        raise ImageError(f"{path}: is cut off inside the program headers")
    good = shsize == _SHDR.size and shoff + shnum * shsize <= len(data)
    kind: Literal["executable", "pie"] = "executable" if type_ == _ET_EXEC else "pie"
    return kind, entry, (phoff, phnum), (shoff, shnum if good else 0)


def _other(data: bytes) -> str:
    """What a file is that is no ELF file."""
    found = kind_of(data)
    if found is None:
        return "is not an ELF file" + (f": {BARE}" if data else "")
    use = f": {found.use}" if found.use else ""
    return f"is {found.name}, and what boots here is an ELF file{use}"


def _segments(path: Path, data: bytes, headers: tuple[int, int]) -> tuple[ImageSegment, ...]:
    rows: list[tuple[int, int, int, int, int, int]] = []
    programs = [
        _PHDR.unpack_from(data, headers[0] + index * _PHDR.size) for index in range(headers[1])
    ]
    # A kernel is linked in the upper half, and says in p_paddr where it is put.
    high = any(one[0] == _PT_LOAD and one[3] >= UPPER_HALF for one in programs)
    for index, one in enumerate(programs):
        type_, flags, offset, virtual, physical, file_bytes, memory_bytes, _ = one
        if type_ == _PT_INTERP:
            raise ImageError(f"{path}: is dynamically linked; apdbg boots static images")
        if type_ != _PT_LOAD or memory_bytes == 0:
            continue
        address = _low(physical) if high else virtual
        problem = _segment_problem(data, offset, address, file_bytes, memory_bytes)
        if problem:
            raise ImageError(f"{path}: segment {index} {problem}")
        rows.append((address, memory_bytes, offset, file_bytes, flags, virtual - address))
    rows.sort()
    _check_extent(path, data, rows)
    return tuple(
        ImageSegment(address, data[offset : offset + file_bytes], memory_bytes, flags, above)
        for address, memory_bytes, offset, file_bytes, flags, above in rows
    )


def _low(address: int) -> int:
    """The physical address that is meant by one that may be the kernel's own."""
    return address - KERNEL_MAP if address >= KERNEL_MAP else address


def _segment_problem(
    data: bytes, offset: int, address: int, file_bytes: int, memory_bytes: int
) -> str:
    """Why a PT_LOAD cannot be, or nothing."""
    if offset + file_bytes > len(data):
        return f"is cut off: {len(data):,} bytes of {offset + file_bytes:,} are there"
    if file_bytes > memory_bytes:
        return "has more bytes in the file than in memory"
    if memory_bytes > IMAGE_BYTES_MAX:
        return f"asks for {memory_bytes:,} bytes of memory"
    if address + memory_bytes > ADDRESS_END:
        return f"lies at {address:#x}, beyond all physical memory"
    return ""


def _check_extent(
    path: Path, data: bytes, rows: list[tuple[int, int, int, int, int, int]]
) -> None:
    """All segments together; raises ImageError. Rows are sorted by address."""
    if not rows:
        raise ImageError(f"{path}: has nothing to load")
    for before, after in pairwise(rows):
        if before[0] + before[1] > after[0]:
            raise ImageError(f"{path}: segments overlap at {after[0]:#x}")
    if rows[-1][0] + rows[-1][1] - rows[0][0] > IMAGE_BYTES_MAX:
        raise ImageError(f"{path}: its segments span more than {IMAGE_BYTES_MAX >> 20} MiB")
    if sum(row[3] for row in rows) > len(data):
        raise ImageError(f"{path}: its segments share bytes of the file")


def _symbols(data: bytes, sections: tuple[int, int]) -> tuple[Symbol, ...]:
    """The symbol table, of which ELF allows one; a broken one only costs the names."""
    rows = [
        _SHDR.unpack_from(data, sections[0] + index * _SHDR.size)
        for index in range(sections[1])
    ]
    table = next((row for row in rows if row[1] == _SHT_SYMTAB), None)
    if table is None or table[9] != _SYM.size or table[6] >= len(rows):
        return ()
    offset, size, names = table[4], table[5], rows[table[6]]
    if offset + size > len(data) or size // _SYM.size > SYMBOLS_MAX:
        return ()
    entries = memoryview(data)[offset : offset + size // _SYM.size * _SYM.size]
    strings = data[names[4] : names[4] + names[5]]
    found: list[Symbol] = []
    left = NAMES_BYTES_MAX
    for name, info, _, section, value, length in _SYM.iter_unpack(entries):
        kind = info & 0xF
        absolute = section in (_SHN_UNDEF, _SHN_ABS)
        if absolute or kind in (_STT_SECTION, _STT_FILE) or name >= len(strings):
            continue
        stop = strings.find(b"\0", name, name + NAME_BYTES_MAX)
        left -= max(stop - name, 0)
        if left < 0:
            break
        below = value + length <= ADDRESS_END
        if stop > name and (below or UPPER_HALF <= value <= value + length < 1 << 64):
            text = strings[name:stop].decode("utf-8", "replace")
            found.append(Symbol(text, value, length, kind == _STT_FUNC))
    found.sort(key=lambda symbol: (symbol.address, not symbol.function, symbol.name))
    return tuple(found)


class Placed(Struct, frozen=True):
    """An image where it runs: `bias` is added to every link address."""

    name: str
    image: Image
    bias: int

    @property
    def start(self) -> int:
        """The run address of the lowest byte."""
        return self.image.first + self.bias

    def holds(self, address: int) -> bool:
        """Whether it is linked to run at an address."""
        link = address - self.bias
        return any(first <= link < end for first, end in self.image.linked)
