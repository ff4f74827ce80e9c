"""What an ELF file is that apdbg cannot boot, and what it lacks (System V ABI, ELF headers)."""

import struct
from typing import Final

from msgspec import Struct

_CORE, _RELOCATABLE, _SHARED = 4, 1, 3
_X86, _X86_64 = 3, 62
_PT_LOAD, _PT_INTERP, _PT_NOTE = 1, 3, 4
_PHDR: Final = struct.Struct("<IIQQQQQQ")
_MODULE: Final = b".modinfo\0"
_PATH_MAX: Final = 256


class ElfKind(Struct, frozen=True):
    """What one is, and what would have to be there."""

    words: str
    missing: str
    see: str = "docs/howto/my_shim.md"


def elf_kind(data: bytes) -> ElfKind | None:
    """None for one of which nothing more can be said than that it is damaged, or foreign."""
    if len(data) < 64 or data[5] != 1:
        return None
    kind, machine = struct.unpack_from("<HH", data, 16)
    if machine == _X86:
        return ElfKind(
            "a 32-bit ELF file for x86",
            "a multiboot header in its first 8 KiB: without one nobody knows its entry",
            "docs/howto/loop.md",
        )
    if machine != _X86_64:
        return None
    if kind == _CORE:
        return ElfKind(
            "a core dump",
            "registers of the whole processor: a dump has those of a program; a moment of a "
            "machine is memory and a JSON file", "docs/howto/moment.md",
        )  # fmt: skip
    if kind == _RELOCATABLE:
        module = _MODULE in data
        return ElfKind(
            "a Linux kernel module" if module else "an object file (.o)",
            "the kernel that loads it" if module else "a linker: it has no addresses yet",
        )
    interpreter = _interpreter(data)
    if interpreter:
        return ElfKind(
            f"a program of an operating system, for {interpreter}",
            "the system that it runs on: what boots here is static and needs no loader",
        )
    entry = struct.unpack_from("<Q", data, 24)[0]
    if kind == _SHARED and not entry:
        return ElfKind("a shared library", "an entry point: nobody can say where it begins")
    if not entry and not any(one[0] == _PT_LOAD and not one[3] for one in _programs(data)):
        return ElfKind("an ELF executable without an entry point", "an entry point (ld -e)")
    return None


def _programs(data: bytes) -> list[tuple[int, ...]]:
    (offset,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    if size != _PHDR.size or offset + count * size > len(data):
        return []
    return [_PHDR.unpack_from(data, offset + index * size) for index in range(count)]


def _interpreter(data: bytes) -> str:
    """The path of the dynamic linker; empty if it needs none."""
    found = next((one for one in _programs(data) if one[0] == _PT_INTERP), None)
    if found is None:
        return ""
    path = data[found[2] : found[2] + min(found[5], _PATH_MAX)].rstrip(b"\0")
    return path.decode("utf-8", "replace") or "a dynamic linker"
