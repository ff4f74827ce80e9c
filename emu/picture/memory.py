"""Bytes of one of the three spaces: a hexdump, and what a structure there holds."""

from typing import Final, get_args

from emu.boot.structs import FieldLayout
from emu.errors import CommandError
from emu.given.number import parsed
from emu.hw.address import PAGE_BYTES, U64, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.hw.nested_walk import FRAME, PRESENT, bits_in_words
from emu.hw.paging_modes import FORMATS
from emu.hw.vmcb import FIELDS as VMCB_FIELDS
from emu.machine.machine import Machine
from emu.mailbox.layout import FIELDS as MAILBOX_FIELDS
from emu.mailbox.layout import OS_BYTES, command_name
from emu.picture.mapped import paging_mode
from emu.picture.sections import ROW_BYTES, FieldView, MemoryLook, MemoryView, Space, ascii
from emu.words.expression import address

SPACES: Final[tuple[str, ...]] = get_args(Space)
VIEW_BYTES: Final = 2048
"""More than the tallest terminal shows."""
BYTES_MAX: Final = 4096
KINDS: Final = ("mailbox", "table", "vmcb")
"""Overlays that are not structs of the image."""
_TABLE_ROWS_MAX: Final = 512


def look_of(text: str, kind: str) -> MemoryLook:
    """The look of `mem`'s words."""
    space, colon, rest = text.partition(":")
    if colon and space in SPACES and rest:
        return MemoryLook(rest, space, kind)  # type: ignore[arg-type]  # checked by SPACES
    return MemoryLook(text, "gva", kind)


def read(
    machine: Machine, cpu: Cpu, space: Space, address: int, count: int
) -> list[int | None]:
    """Bytes of a space page by page; None where nothing is mapped."""
    found: list[int | None] = []
    while count > 0:
        take = min(count, PAGE_BYTES - address % PAGE_BYTES)
        data = _bytes(machine, cpu, space, address, take)
        found += [None] * take if data is None else data
        address, count = (address + take) & U64, count - take
    return found


def _bytes(machine: Machine, cpu: Cpu, space: Space, address: int, count: int) -> bytes | None:
    """Bytes that lie in one page."""
    if space == "gpa":
        return machine.board.ram.guest_bytes(address, count)
    if space == "hpa":
        inside = address + count <= machine.board.memory.size
        return machine.board.memory.read(Hpa(address), count) if inside else None
    return (
        None if cpu.context is None else machine.board.virtual.read(cpu.context, address, count)
    )


def memory_view(
    machine: Machine, cpu: Cpu, look: MemoryLook, before: dict[int, int | None]
) -> MemoryView:
    """The stretch that a look names now; `before`: what its bytes were at the last stop."""
    try:
        start = address(machine, cpu, look.where)
        fields = overlay(machine, cpu, look.space, start, look.kind)
    except CommandError as error:
        return MemoryView(
            look.space, 0, look.where, look.kind, "", (), frozenset(), (), (), str(error)
        )
    data = tuple(read(machine, cpu, look.space, start, VIEW_BYTES))
    changed = frozenset(
        start + i for i, byte in enumerate(data)
        if start + i in before and before[start + i] != byte
    )  # fmt: skip
    symbols = machine.board.layout.symbols
    names = () if look.space == "hpa" else symbols.between(start, start + VIEW_BYTES)
    return MemoryView(
        look.space, start, look.where, look.kind,
        "" if look.space == "hpa" else symbols.name(start), data, changed, fields, names,
    )  # fmt: skip


def seen(view: MemoryView | None) -> dict[int, int | None]:
    """What a view showed, to be compared with later."""
    return {} if view is None else {view.address + i: byte for i, byte in enumerate(view.data)}


# -- overlays ---------------------------------------------------------------------------------


def overlay(
    machine: Machine, cpu: Cpu, space: Space, start: int, kind: str
) -> tuple[FieldView, ...]:
    """The fields of a structure at an address; raises CommandError for an unknown kind or
    where it is not mapped."""
    if not kind:
        return ()
    struct = None if kind in KINDS else machine.board.layout.structs.get(kind)
    if kind not in KINDS and struct is None:
        known = ", ".join(KINDS)
        raise CommandError(f"mem as {kind}: it is none of {known} and no struct of the image")
    size = PAGE_BYTES if struct is None else struct.size
    found = read(machine, cpu, space, start, size)
    if None in found:
        raise CommandError(f"mem as {kind}: {start:#x} is not mapped whole")
    data = bytes(byte for byte in found if byte is not None)
    match kind:
        case "mailbox":
            return _mailbox(machine, data)
        case "table":
            return _table(machine, cpu, data)
        case "vmcb":
            return tuple(
                FieldView(at, size, name, f"{_number(data, at, size):#x}")
                for name, at, size in VMCB_FIELDS
            )
    assert struct is not None, "other kinds are structs"
    values = struct.decode(data)
    return tuple(_field(machine, one, values[one.name]) for one in struct.fields)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _field(machine: Machine, one: FieldLayout, value: int | str) -> FieldView:
    shown = value if isinstance(value, str) else f"{value:#x}"
    target = value if isinstance(value, int) and one.size == 8 and value > 0xFFF else None
    name = machine.board.layout.symbols.name(target) if target is not None else ""
    return FieldView(one.offset, one.size, one.name, f"{shown} {name}".rstrip(), target)


def _mailbox(machine: Machine, data: bytes) -> tuple[FieldView, ...]:
    """The fields of ACPI 6.6, 5.2.12.19, and what the two halves of the page hold."""
    rows = []
    for one in MAILBOX_FIELDS:
        value = _number(data, one.offset, one.size)
        words = {
            "command": command_name(value),
            "vector": machine.board.layout.symbols.name(value),
        }
        shown = f"{value:#x} {words.get(one.name, '')}".rstrip()
        rows.append(FieldView(one.offset, one.size, one.name, shown))
    for name, first, last in (("OS half", 16, OS_BYTES), ("firmware half", OS_BYTES, 4096)):
        used = sum(byte != 0 for byte in data[first:last])
        rows.append(FieldView(first, last - first, name, f"{used:,} bytes are not 0"))
    return tuple(rows)


def _table(machine: Machine, cpu: Cpu, data: bytes) -> tuple[FieldView, ...]:
    """The present entries of a page table, by the CPU's paging mode."""
    mode = "4-level" if cpu.context is None else paging_mode(cpu.context)
    width = FORMATS[mode].entry_bytes
    rows = []
    for at in range(0, PAGE_BYTES, width):
        entry = _number(data, at, width)
        if entry & PRESENT:
            words = f"{entry:0{2 * width}x} {bits_in_words('', entry)}"
            rows.append(FieldView(at, width, f"[{at // width:03}]", words, entry & FRAME))
    return tuple(rows[:_TABLE_ROWS_MAX]) or (FieldView(0, 0, "table", "no entry is present"),)


# -- searching --------------------------------------------------------------------------------

FIND_BYTES_MAX: Final = 64 << 20
_CHUNK: Final = 1 << 16


def pattern(text: str) -> bytes:
    """`"text"`, hex bytes such as `de ad be ef`, or a `0x` number, little endian; raises
    CommandError."""
    if len(text) > 2 and text[0] == text[-1] == '"':
        return text[1:-1].encode()
    value = parsed(text) if text.startswith("0x") else None
    if value is not None:
        return value.to_bytes(max(-(-value.bit_length() // 8), 1), "little")
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if not found:
        raise CommandError(f'find: {text!r} is no "text", 0xNUMBER or hex bytes')
    return found


def find(machine: Machine, cpu: Cpu, look: MemoryLook, wanted: bytes) -> int | None:
    """The first place behind a look's address with these bytes, up to where nothing is mapped
    for long; None if there is none. Raises CommandError for an unknown address."""
    at = address(machine, cpu, look.where) + 1
    end = at + FIND_BYTES_MAX
    tail, begin = b"", at
    while at < end:
        piece = _bytes(machine, cpu, look.space, at & U64, PAGE_BYTES - at % PAGE_BYTES)
        if piece is None:
            tail = b""
            at = page_of(at) + PAGE_BYTES
            begin = at
            continue
        known = max(len(tail) - len(wanted) + 1, 0)
        tail += piece
        at += len(piece)
        place = tail.find(wanted, known)
        if place >= 0:
            return begin + place
        if len(tail) > _CHUNK:
            begin += len(tail) - len(wanted) + 1
            tail = tail[len(tail) - len(wanted) + 1 :]
    return None


# -- words ------------------------------------------------------------------------------------


def lines(view: MemoryView, count: int) -> tuple[str, ...]:
    """The structure's fields, or else a hexdump of `count` bytes; raises CommandError where
    nothing is mapped."""
    if view.problem:
        raise CommandError(view.problem)
    if view.fields:
        return tuple(
            f"{view.space}:{view.address + f.offset:#x}  +{f.offset:03x}  {f.name:16}{f.value}"
            for f in view.fields
        )
    data = view.data[:count]
    if not data or data[0] is None:
        raise CommandError(f"mem: {view.space} {view.address:#x}: nothing is mapped there")
    return tuple(
        row(view.address + at, data[at : at + ROW_BYTES]) for at in range(0, len(data), 16)
    )


def row(address: int, data: tuple[int | None, ...]) -> str:
    """`address  bytes  bytes  text`; `--` for what is not mapped."""
    shown = ["--" if byte is None else f"{byte:02x}" for byte in data]
    return f"{address:016x}  {' '.join(shown[:8]):23}  {' '.join(shown[8:]):23}  {ascii(data)}"
