"""An ELF file that can be booted: its segments, its symbols, and names for addresses.

Only what the field boots: static x86-64 executables and PIEs (System V ABI, ELF-64). Headers
are read here, by hand, because start-up must be quick and hostile files must end in a
sentence; DWARF is read elsewhere, with a library.
"""

import bisect
import hashlib
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from emu.errors import ImageError

FILE_BYTES_MAX: Final = 256 << 20
IMAGE_BYTES_MAX: Final = 1 << 30
"""Memory an image may ask for: more than any boot shim or kernel of the field."""
HEADERS_MAX: Final = 512
SYMBOLS_MAX: Final = 2_000_000

_EHDR: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR: Final = struct.Struct("<IIQQQQQQ")
_SHDR: Final = struct.Struct("<IIQQQQIIQQ")
_SYM: Final = struct.Struct("<IBBHQQ")
_EM_X86_64, _ET_EXEC, _ET_DYN = 62, 2, 3
_PT_LOAD, _PT_INTERP = 1, 3
_SHT_SYMTAB = 2
_STT_OBJECT, _STT_FUNC, _STT_SECTION, _STT_FILE = 1, 2, 3, 4
_ARCHITECTURES: Final = {3: "32-bit x86", 40: "Arm", 183: "AArch64", 243: "RISC-V"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A PT_LOAD: bytes for an address, then zeros up to `memory_bytes`; flags are PF_*."""

    address: int
    data: bytes
    memory_bytes: int
    flags: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name for an address; size 0 means up to the next symbol."""

    name: str
    address: int
    size: int
    function: bool


@dataclass(frozen=True, slots=True)
class Image:
    """One ELF file, at its link addresses."""

    path: Path
    sha256: str
    kind: Literal["executable", "pie"]
    entry: int
    segments: tuple[Segment, ...]
    symbols: tuple[Symbol, ...]
    """Sorted by address."""
    data: bytes = field(repr=False)
    """The whole file, for whoever reads its DWARF."""

    @property
    def first(self) -> int:
        """The lowest address of any segment, a multiple of 4 KiB."""
        return min(segment.address for segment in self.segments) & ~0xFFF

    @property
    def size(self) -> int:
        """Bytes from the lowest address to the end of the last segment."""
        end = max(segment.address + segment.memory_bytes for segment in self.segments)
        return end - self.first


def load_image(path: str | Path) -> Image:
    """Read an ELF file; raises ImageError with one sentence that names the file."""
    place = Path(path)
    try:
        if place.is_dir():
            raise ImageError(f"{place}: is a directory, not an ELF file")
        if place.stat().st_size > FILE_BYTES_MAX:
            raise ImageError(f"{place}: is larger than {FILE_BYTES_MAX >> 20} MiB")
        data = place.read_bytes()
    except OSError as error:
        raise ImageError(f"{place}: cannot be read: {error.strerror}") from None
    return parse_image(place, data)


def parse_image(path: Path, data: bytes) -> Image:
    """Read an ELF file from its bytes; raises ImageError."""
    kind, entry, headers, sections = _header(path, data)
    segments = _segments(path, data, headers)
    if not any(s.address <= entry < s.address + s.memory_bytes for s in segments):
        raise ImageError(f"{path}: the entry point {entry:#x} lies in no segment")
    symbols = _symbols(path, data, sections)
    digest = hashlib.sha256(data).hexdigest()
    return Image(path, digest, kind, entry, segments, symbols, data)


def _header(
    path: Path, data: bytes
) -> tuple[Literal["executable", "pie"], int, tuple[int, int], tuple[int, int]]:
    """(kind, entry, (program header offset, count), (section header offset, count))."""
    if data[:4] != b"\x7fELF":
        raise ImageError(f"{path}: is not an ELF file")
    if len(data) < _EHDR.size:
        raise ImageError(f"{path}: is cut off inside the ELF header")
    ident, type_, machine, _, entry, phoff, shoff, _, _, phsize, phnum, shsize, shnum, _ = (
        _EHDR.unpack_from(data)
    )
    if ident[4] != 2 or ident[5] != 1 or machine != _EM_X86_64:
        other = (
            "big-endian" if ident[5] == 2 else _ARCHITECTURES.get(machine, "another machine")
        )
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


def _segments(path: Path, data: bytes, headers: tuple[int, int]) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for index in range(headers[1]):
        type_, flags, offset, address, _, file_bytes, memory_bytes, _ = _PHDR.unpack_from(
            data, headers[0] + index * _PHDR.size
        )
        if type_ == _PT_INTERP:
            raise ImageError(f"{path}: is dynamically linked; apdbg boots static images")
        if type_ != _PT_LOAD or memory_bytes == 0:
            continue
        if offset + file_bytes > len(data):
            raise ImageError(f"{path}: is cut off inside segment {index}")
        if file_bytes > memory_bytes:
            raise ImageError(
                f"{path}: segment {index} has more bytes in the file than in memory"
            )
        if memory_bytes > IMAGE_BYTES_MAX or address + memory_bytes >= 1 << 47:
            raise ImageError(f"{path}: segment {index} asks for {memory_bytes:,} bytes of memory"
                             f" at {address:#x}")  # fmt: skip
        found.append(Segment(address, data[offset : offset + file_bytes], memory_bytes, flags))
    if not found:
        raise ImageError(f"{path}: has nothing to load")
    found.sort(key=lambda segment: segment.address)
    for before, after in zip(found, found[1:], strict=False):
        if before.address + before.memory_bytes > after.address:
            raise ImageError(f"{path}: segments overlap at {after.address:#x}")
    last = found[-1]
    if last.address + last.memory_bytes - found[0].address > IMAGE_BYTES_MAX:
        raise ImageError(f"{path}: its segments span more than {IMAGE_BYTES_MAX >> 20} MiB")
    return tuple(found)


def _symbols(path: Path, data: bytes, sections: tuple[int, int]) -> tuple[Symbol, ...]:
    """The symbol table; a broken one only costs the names."""
    rows = [
        _SHDR.unpack_from(data, sections[0] + index * _SHDR.size)
        for index in range(sections[1])
    ]
    found: list[Symbol] = []
    for row in rows:
        _, type_, _, _, offset, size, link, _, _, entry_size = row
        if type_ != _SHT_SYMTAB or entry_size != _SYM.size or link >= len(rows):
            continue
        if offset + size > len(data) or size // _SYM.size > SYMBOLS_MAX:
            continue
        strings = data[rows[link][4] : rows[link][4] + rows[link][5]]
        for name, info, _, section, value, length in _SYM.iter_unpack(
            data[offset : offset + size // _SYM.size * _SYM.size]
        ):
            kind = info & 0xF
            absolute = section in (0, 0xFFF1)
            if absolute or kind in (_STT_SECTION, _STT_FILE) or name >= len(strings):
                continue
            text = strings[name : strings.find(b"\0", name)].decode("utf-8", "replace")
            if text:
                found.append(Symbol(text, value, length, kind == _STT_FUNC))
    found.sort(key=lambda symbol: (symbol.address, not symbol.function, symbol.name))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Placed:
    """An image where it runs: `bias` is added to every link address."""

    name: str
    image: Image
    bias: int

    @property
    def start(self) -> int:
        """The run address of the lowest byte."""
        return self.image.first + self.bias


class SymbolMap:
    """Names for run addresses over all placed images; a look-up is a bisection."""

    def __init__(self, placed: tuple[Placed, ...]) -> None:
        rows: list[tuple[int, int, str, str]] = []
        for item in placed:
            end = item.start + item.image.size
            for symbol in item.image.symbols:
                start = symbol.address + item.bias
                limit = start + symbol.size if symbol.size else end
                rows.append((start, limit, symbol.name, item.name))
        rows.sort(key=lambda row: row[0])
        self._by_name: dict[str, list[int]] = {}
        for start, _, name, image in rows:
            for key in (name, f"{image}:{name}"):
                places = self._by_name.setdefault(key, [])
                if start not in places:
                    places.append(start)
        # One name per address: the first, which is a function if there is one.
        unique = {start: (limit, name) for start, limit, name, _ in reversed(rows)}
        self._starts = sorted(unique)
        self._rows = [unique[start] for start in self._starts]

    def nearest(self, address: int) -> tuple[str, int] | None:
        """(name, start) of the symbol that covers an address."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._rows[index][0]:
            return None
        return self._rows[index][1], self._starts[index]

    def name(self, address: int) -> str:
        """`mailbox_wait+0x6`, or nothing where no symbol covers the address."""
        found = self.nearest(address)
        if found is None:
            return ""
        name, start = found
        return name if address == start else f"{name}+{address - start:#x}"

    def find(self, name: str) -> list[int]:
        """Every address of a name; `kernel:main` asks one image only."""
        return self._by_name.get(name, [])

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._by_name)
