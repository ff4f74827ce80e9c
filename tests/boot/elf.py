"""Tiny ELF files, header by header: everything that a test wants wrong can be given."""

import struct
from pathlib import Path

from msgspec import Struct

from emu.boot.image import Image, parse_image

EXECUTABLE, PIE = 2, 3
LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
FUNCTION, OBJECT, NOTYPE = 2, 1, 0
CODE = b"\xf4\xeb\xfd" + bytes(61)
HEADER_BYTES, SEGMENT_BYTES, SECTION_BYTES, SYMBOL_BYTES = 64, 56, 64, 24


class Load(Struct, frozen=True):
    """One program header; its bytes are put into the file in order."""

    address: int
    data: bytes = CODE
    memory: int | None = None
    flags: int = 5
    type: int = LOAD
    offset: int | None = None
    file: int | None = None
    above: int = 0
    """What p_vaddr is more than the address, which is p_paddr."""


class Sym(Struct, frozen=True):
    """One symbol; section 0 is undefined, 0xFFF1 absolute, 1 some section."""

    name: str
    address: int
    size: int = 0
    type: int = FUNCTION
    section: int = 1


def elf(
    *loads: Load,
    kind: int = PIE,
    entry: int | None = None,
    symbols: tuple[Sym, ...] = (),
    machine: int = 62,
    ident: bytes = b"\x7fELF\x02\x01\x01",
) -> bytes:
    """The bytes of a file; the entry is the first segment's first byte unless given."""
    loads = loads or (Load(0),)
    start = HEADER_BYTES + SEGMENT_BYTES * len(loads)
    headers, body = b"", b""
    for load in loads:
        offset = start + len(body) if load.offset is None else load.offset
        size = len(load.data) if load.file is None else load.file
        memory = len(load.data) if load.memory is None else load.memory
        headers += struct.pack(
            "<IIQQQQQQ", load.type, load.flags, offset, load.address + load.above, load.address,
            size, memory, 0x1000,
        )  # fmt: skip
        body += load.data
    tables, at, count = _symbol_table(start + len(body), symbols)
    first = loads[0].address if entry is None else entry
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, kind, machine, 1, first, HEADER_BYTES, at, 0, HEADER_BYTES,
        SEGMENT_BYTES, len(loads), SECTION_BYTES, count, 0,
    )  # fmt: skip
    return header + headers + body + tables


def _symbol_table(offset: int, symbols: tuple[Sym, ...]) -> tuple[bytes, int, int]:
    """(symbols, strings and section headers, offset of the headers, their number)."""
    if not symbols:
        return b"", 0, 0
    strings, rows = b"\0", b""
    for item in symbols:
        rows += struct.pack(
            "<IBBHQQ", len(strings), item.type, 0, item.section, item.address, item.size
        )
        strings += item.name.encode() + b"\0"
    table = struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, offset, len(rows), 1, 0, 8, SYMBOL_BYTES)
    text = struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, offset + len(rows), len(strings), 0, 0, 1, 0)
    return rows + strings + table + text, offset + len(rows) + len(strings), 2


def image(*loads: Load, name: str = "tiny.elf", **more: object) -> Image:
    """A parsed tiny file."""
    return parse_image(Path(name), elf(*loads, **more))  # type: ignore[arg-type]
