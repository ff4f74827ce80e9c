"""A moment of somebody's machine: registers as JSON, memory in files beside it.

    {"schema": "apdbg-moment/1", "platform": "none", "cpus": [{"id": 0, "apic_id": 0,
      "state": "running", "registers": {"rip": "0x8000", ..., "cr0": 17, "efer": "0x500",
        "segments": {"cs": {"selector": 8, "base": 0, "limit": "0xffffffff",
                            "attributes": "0xa9b"}, ...},
        "gdtr": {"base": 0, "limit": 0}, "idtr": {...}, "msrs": {"0x1b": "0xfee00800"}}}],
     "memory": [{"gpa": 0, "file": "memory.bin", "offset": 0, "size": 1048576}]}

Numbers may be written as text, too. A segment's attributes are bits 55:52 and 47:40 of a
descriptor, twelve bits, as in a VMCB (AMD APM 2, 15.5.1). What is left out is as after reset.
"""

import hashlib
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct

from emu.boot.file_kinds import MOMENT_SCHEMA
from emu.errors import ImageError
from emu.given.files import read_file
from emu.given.number import parsed
from emu.given.plain import shown
from emu.hw.address import U64

SCHEMA: Final = "apdbg-moment/1"
FILE_BYTES_MAX: Final = 64 << 20
MEMORY_BYTES_MAX: Final = 3 << 30
CPUS_MAX: Final = 2_048
ADDRESS_END: Final = 1 << 40
StoodState = Literal["running", "halted", "wait-for-sipi", "off"]
GENERAL: Final = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)),
)  # fmt: skip
WORDS: Final = (
    *GENERAL, "rip", "rflags", "cr0", "cr2", "cr3", "cr4", "efer",
    "dr0", "dr1", "dr2", "dr3", "dr6", "dr7",
)  # fmt: skip
SEGMENTS: Final = ("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldtr")
TABLES: Final = ("gdtr", "idtr")
AFTER_RESET: Final = {"rip": 0xFFF0, "rflags": 2, "cr0": 0x6000_0010, "dr6": 0xFFFF_0FF0,
                      "dr7": 0x400}  # fmt: skip
"""What is not 0 of them (SDM 3, table 9-1)."""
_LMA, _L = 1 << 10, 0x200
"""EFER.LMA, and L of a code segment."""
_CANONICAL: Final = 1 << 47
SegmentValues = tuple[int, int, int, int]
"""(Selector, base, limit, attributes)."""
_RESET_SEGMENTS: Final[dict[str, SegmentValues]] = {
    **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), (0, 0, 0xFFFF, 0x93)),
    "cs": (0xF000, 0xFFFF_0000, 0xFFFF, 0x9B), "tr": (0, 0, 0xFFFF, 0x8B),
    "ldtr": (0, 0, 0xFFFF, 0x82), "gdtr": (0, 0, 0xFFFF, 0), "idtr": (0, 0, 0xFFFF, 0),
}  # fmt: skip


class MomentCpu(Struct, frozen=True):
    """One CPU's registers."""

    apic_id: int
    state: StoodState
    words: tuple[tuple[str, int], ...]
    segments: tuple[tuple[str, SegmentValues], ...]
    msrs: tuple[tuple[int, int], ...]


class MomentFile(Struct, frozen=True):
    """All of it; by position, a CPU's number is its index."""

    platform: str
    """The name of one; empty: the usual one."""
    cpus: tuple[MomentCpu, ...]
    memory: tuple[tuple[int, bytes], ...]
    """(GPA, bytes), sorted."""
    digests: bytes
    """A hash of all memory, so that the whole is known by its bytes."""


def is_moment(data: bytes) -> bool:
    """Whether a file says that it is one."""
    return MOMENT_SCHEMA in data[:4_096] and data.lstrip()[:1] == b"{"


def parse_moment(path: Path, data: bytes, *, memory: bool = True) -> MomentFile:
    """The moment of a file's bytes; raises ImageError with one sentence that names the place
    in the JSON. Without `memory` its files are left alone."""
    try:
        top = msgspec.json.decode(data.partition(b"\0")[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ImageError(f"{path}: is no JSON: {shown(str(error))}") from None
    given = _Object(path, "", top)
    if given.values.get("schema") != SCHEMA:
        raise given.wrong("schema", f'"{SCHEMA}"')
    given.only("schema", "note", "platform", "cpus", "memory")
    cpus = [_cpu(_Object(path, f"cpus[{n}]", one), n) for n, one in given.rows("cpus", 1)]
    if len(cpus) > CPUS_MAX:
        raise given.wrong("cpus", f"at most {CPUS_MAX:,} CPUs")
    ids = [one.apic_id for one in cpus]
    if len(set(ids)) < len(ids):
        raise given.wrong("cpus", "CPUs with an apic_id of their own each")
    pieces = [
        _piece(_Object(path, f"memory[{n}]", one), memory) for n, one in given.rows("memory", 1)
    ]
    pieces.sort()
    for (before, some), (after, _) in pairwise(pieces):
        if before + len(some) > after:
            raise given.wrong("memory", f"pieces that do not overlap, as two do at {after:#x}")
    if sum(len(some) for _, some in pieces) > MEMORY_BYTES_MAX:
        raise given.wrong("memory", "at most 3 GiB together")
    known = hashlib.sha256()
    for _, some in pieces:
        known.update(some)
    name = given.word("platform", "")
    return MomentFile(name, tuple(cpus), tuple(pieces), known.digest())


class _Object:
    """An object of the JSON, whose complaints name the place."""

    def __init__(self, path: Path, place: str, values: Any) -> None:
        self._path, self._place = path, place
        if not isinstance(values, dict):
            raise ImageError(f"{path}: {place or 'the whole'} must be an object")
        self.values: dict[str, Any] = values

    def _full(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def wrong(self, key: str, what: str) -> ImageError:
        """The exception for a value that cannot be."""
        value = self.values.get(key)
        got = "nothing" if value is None else shown(str(value)[:80])
        return ImageError(f"{self._path}: {self._full(key)} must be {what}, got {got}")

    def only(self, *keys: str) -> None:
        """There are no others."""
        for key in self.values:
            if key not in keys:
                raise ImageError(f"{self._path}: {self._full(key)}: there is no such key")

    def number(self, key: str, default: int | None, most: int = U64) -> int:
        """A whole number, or its text."""
        value = self.values.get(key, default)
        if isinstance(value, str):
            value = parsed(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self.wrong(key, f"a number from 0 to {most:#x}")
        return value

    def word(self, key: str, default: str) -> str:
        """A text."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def below(self, key: str) -> "_Object":
        """An object in it; an absent one is empty."""
        return _Object(self._path, self._full(key), self.values.get(key, {}))

    def rows(self, key: str, least: int) -> list[tuple[int, Any]]:
        """A list's values with their numbers."""
        value = self.values.get(key)
        if not isinstance(value, list) or len(value) < least:
            raise self.wrong(key, "a list that is not empty")
        return list(enumerate(value))

    def beside(self, key: str) -> Path:
        """A file in the moment's own folder, or below it."""
        name = self.word(key, "")
        inside = PurePosixPath(name)
        if not name or inside.is_absolute() or ".." in inside.parts:
            raise self.wrong(key, "the name of a file beside this one, or below it")
        return self._path.parent / inside


def _cpu(given: _Object, index: int) -> MomentCpu:
    given.only("id", "apic_id", "state", "registers")
    if given.number("id", index) != index:
        raise given.wrong("id", f"{index}: CPUs stand in the order of their numbers")
    known: tuple[StoodState, ...] = get_args(StoodState)
    word = given.word("state", "running")
    state = next((one for one in known if one == word), None)
    if state is None:
        raise given.wrong("state", f"one of {', '.join(known)}")
    registers = given.below("registers")
    registers.only(*WORDS, "segments", *TABLES, "tr", "ldtr", "msrs")
    segments, msrs = registers.below("segments"), registers.below("msrs")
    segments.only(*SEGMENTS)
    found = dict(_RESET_SEGMENTS)
    for name in SEGMENTS:
        holder = registers if name in registers.values else segments
        if name in holder.values:
            found[name] = _segment(holder.below(name), found[name])
    for name in TABLES:
        if name in registers.values:
            found[name] = _table(registers.below(name))
    words = {name: registers.number(name, AFTER_RESET.get(name, 0)) for name in WORDS}
    if words["efer"] & _LMA and found["cs"][3] & _L:
        if words["rip"] + _CANONICAL & U64 >= 2 * _CANONICAL:
            raise registers.wrong("rip", "a canonical address, as the CPU is in 64-bit mode")
    elif words["rip"] >> 32:
        raise registers.wrong("rip", "an address of 32 bits, as the CPU is in no 64-bit mode")
    return MomentCpu(
        given.number("apic_id", index, 0xFFFF_FFFD), state,
        tuple(words.items()),
        tuple(found.items()),
        tuple((_msr(msrs, key), msrs.number(key, None)) for key in msrs.values),
    )  # fmt: skip


def _msr(msrs: _Object, key: str) -> int:
    value = parsed(key)
    if value is None or not 0 <= value < 1 << 32:
        raise msrs.wrong(key, "under the number of an MSR")
    return value


def _segment(given: _Object, usual: SegmentValues) -> SegmentValues:
    given.only("selector", "base", "limit", "attributes")
    return (
        given.number("selector", usual[0], 0xFFFF), given.number("base", usual[1]),
        given.number("limit", usual[2], 0xFFFF_FFFF),
        given.number("attributes", usual[3], 0xFFF),
    )  # fmt: skip


def _table(given: _Object) -> SegmentValues:
    given.only("base", "limit")
    return 0, given.number("base", 0), given.number("limit", 0xFFFF, 0xFFFF), 0


def _piece(given: _Object, read: bool) -> tuple[int, bytes]:
    """(GPA, bytes)."""
    given.only("gpa", "file", "offset", "size")
    gpa = given.number("gpa", None, ADDRESS_END - 1)
    path, offset = given.beside("file"), given.number("offset", 0)
    if not read:
        return gpa, b""
    data = read_file(path, MEMORY_BYTES_MAX, ImageError)
    size = given.number("size", max(len(data) - offset, 0))
    if not size or offset + size > len(data):
        raise given.wrong(
            "size", f"what {path.name} has: {max(len(data) - offset, 0):,} bytes from there on"
        )
    if gpa + size > ADDRESS_END:
        raise given.wrong("gpa", f"such that {size:,} bytes lie below {ADDRESS_END:#x}")
    return gpa, data[offset : offset + size]
