"""A 32-bit ELF file for x86 that a boot loader enters without paging (System V ABI, ELF-32)."""

import struct
from pathlib import Path
from typing import Final

from emu.boot.image import (
    HEADERS_MAX,
    IMAGE_BYTES_MAX,
    NAME_BYTES_MAX,
    SYMBOLS_MAX,
    Image,
    ImageSegment,
    Symbol,
)
from emu.errors import ImageError

_EHDR: Final = struct.Struct("<16sHHIIIIIHHHHHH")
_PHDR: Final = struct.Struct("<IIIIIIII")
_SHDR: Final = struct.Struct("<IIIIIIIIII")
_SYM: Final = struct.Struct("<IIIBBH")
_EM_386, _ET_EXEC, _PT_LOAD, _SHT_SYMTAB = 3, 2, 1, 2
_STT_FUNC, _STT_SECTION, _STT_FILE = 2, 3, 4
_SHN_UNDEF, _SHN_ABS = 0, 0xFFF1


def parse_elf32(path: Path, data: bytes) -> Image:
    """An executable, at the physical addresses that it says; raises ImageError."""
    if len(data) < _EHDR.size:
        raise ImageError(f"{path}: is cut off inside the ELF header")
    _, type_, machine, _, entry, phoff, shoff, _, _, phsize, phnum, shsize, shnum, _ = (
        _EHDR.unpack_from(data)
    )
    if machine != _EM_386 or type_ != _ET_EXEC:
        raise ImageError(f"{path}: is no 32-bit executable for x86")
    if not 0 < phnum <= HEADERS_MAX or phsize != _PHDR.size:
        raise ImageError(f"{path}: has {phnum} program headers of {phsize} bytes")
    if phoff + phnum * phsize > len(data):
        raise ImageError(f"{path}: is cut off inside the program headers")
    rows = [_PHDR.unpack_from(data, phoff + index * phsize) for index in range(phnum)]
    segments = _segments(path, data, rows)
    good = shsize == _SHDR.size and shoff + shnum * shsize <= len(data)
    symbols = _symbols(data, shoff, shnum) if good else ()
    return Image(path, "executable", entry, segments, symbols, data)


def _segments(path: Path, data: bytes, rows: list[tuple[int, ...]]) -> tuple[ImageSegment, ...]:
    found = []
    for type_, offset, _, address, file_bytes, memory_bytes, flags, _ in rows:
        if type_ != _PT_LOAD or memory_bytes == 0:
            continue
        if offset + file_bytes > len(data) or file_bytes > memory_bytes:
            raise ImageError(f"{path}: the segment at {address:#x} is cut off")
        content = data[offset : offset + file_bytes]
        found.append(ImageSegment(address, content, memory_bytes, flags))
    found.sort(key=lambda one: one.address)
    if not found:
        raise ImageError(f"{path}: has nothing to load")
    end = 0
    for one in found:
        if one.address < end:
            raise ImageError(f"{path}: segments overlap at {one.address:#x}")
        end = one.address + one.memory_bytes
    if end - found[0].address > IMAGE_BYTES_MAX:
        raise ImageError(f"{path}: its segments span more than {IMAGE_BYTES_MAX >> 20} MiB")
    return tuple(found)


def _symbols(data: bytes, shoff: int, shnum: int) -> tuple[Symbol, ...]:
    """Sorted by address; a broken table only costs the names."""
    rows = [_SHDR.unpack_from(data, shoff + index * _SHDR.size) for index in range(shnum)]
    table = next((row for row in rows if row[1] == _SHT_SYMTAB), None)
    if table is None or table[9] != _SYM.size or table[6] >= len(rows):
        return ()
    offset, size, names = table[4], table[5], rows[table[6]]
    if offset + size > len(data) or size // _SYM.size > SYMBOLS_MAX:
        return ()
    strings, found = data[names[4] : names[4] + names[5]], list[Symbol]()
    for name, value, length, info, _, section in _SYM.iter_unpack(
        data[offset : offset + size // _SYM.size * _SYM.size]
    ):
        kind = info & 0xF
        if section in (_SHN_UNDEF, _SHN_ABS) or kind in (_STT_SECTION, _STT_FILE):
            continue
        stop = strings.find(b"\0", name, name + NAME_BYTES_MAX)
        if stop > name:
            text = strings[name:stop].decode("utf-8", "replace")
            found.append(Symbol(text, value, length, kind == _STT_FUNC))
    found.sort(key=lambda symbol: (symbol.address, not symbol.function, symbol.name))
    return tuple(found)
