"""A wrong memory map: the E820 table that the OS is entered with (Linux, zero page)."""

import struct

from emu.errors import CommandError
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import Parameter, one_of

HOW = Parameter(
    "HOW", "none, no-ram, all-ram or overlap", one_of("none", "no-ram", "all-ram", "overlap")
)
_COUNT, _TABLE = 0x1E8, 0x2D0
_ENTRY = struct.Struct("<QQI")
_RAM, _RESERVED = 1, 2


def changed(entries: list[tuple[int, int, int]], how: str) -> list[tuple[int, int, int]]:
    """The table of (address, bytes, type), gone wrong."""
    match how:
        case "none":
            return []
        case "no-ram":
            return [(start, size, _RESERVED) for start, size, _ in entries]
        case "all-ram":
            return [(start, size, _RAM) for start, size, _ in entries]
    end = max(start + size for start, size, _ in entries)
    return [
        (start, end - start if kind == _RAM else size, kind) for start, size, kind in entries
    ]


def _carry_out(given: Given) -> None:
    machine, params = given.machine, given.machine.board.boot_params
    if params is None:
        raise CommandError("inject memory-map: no OS has been entered yet")
    count = (machine.board.ram.guest_bytes(params + _COUNT, 1) or b"\0")[0]
    data = machine.board.ram.guest_bytes(params + _TABLE, count * _ENTRY.size)
    if not count or data is None:
        raise CommandError("inject memory-map: the OS was handed no memory map")
    entries = changed(list(_ENTRY.iter_unpack(data)), given.word("HOW"))
    machine.stores.edit(params + _COUNT, bytes([len(entries)]))
    for index, entry in enumerate(entries):
        machine.stores.edit(params + _TABLE + index * _ENTRY.size, _ENTRY.pack(*entry))


KIND = InjectionKind(
    "memory-map", "the memory map that the OS is handed is wrong", (HOW,), _carry_out, "no-ram",
    when="os-entry", group="vmm",
)  # fmt: skip
