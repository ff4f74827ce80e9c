"""Things that have a value: registers, bytes of memory, mailbox fields, table entries.

`rax` or `cpu1:rax`, `mailbox.command`, `pte:GVA` (the entry that maps it, in the selected CPU's
tables), `npt:GPA` (the model's leaf), `dtb:/node/property` (a number of up to 8 bytes in the
device tree that the kernel was handed), and memory as `[gva:|gpa:|hpa:]ADDRESS[/BYTES]`: an
ADDRESS is a symbol with offset, `file:line` or a number, and 8 bytes are the default.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.boot.dtb import read_tree
from emu.errors import CommandError
from emu.given.number import begins_a_number, is_digits, number
from emu.hw import nested_walk, paging
from emu.hw.address import U64, Gpa, Hpa
from emu.hw.context import WORDS
from emu.hw.cpu import Cpu
from emu.machine.handover import kernel_dtb, kernel_dtb_gpa
from emu.machine.machine import Machine
from emu.mailbox.layout import FIELDS
from emu.words.where import resolve

REGISTERS: Final = frozenset((*WORDS, "rflags"))
ALSO: Final = {"pc": "rip", "sp": "rsp", "fp": "rbp", "eflags": "rflags", "ip": "rip"}
"""Other words for registers, behind a sign only."""
SIGNS: Final = "$@"
"""What stands before a register in gdb and in WinDbg."""
BYTES_MAX: Final = 1 << 16
_DEFAULT_BYTES: Final = 8


class RegisterPlace(Struct, frozen=True):
    """A 64-bit register of one CPU, or (None) of whichever."""

    name: str
    cpu: int | None
    register: str

    @property
    def text(self) -> str:
        """The place as it is written into a recording."""
        return f"cpu{self.cpu}:{self.register}"


class MemoryPlace(Struct, frozen=True):
    """Bytes of host memory in a row; `space` and `address` say whose."""

    name: str
    space: str
    """gpa, hpa, or npt for a leaf of the nested table."""
    address: int
    hpa: Hpa
    size: int
    big_endian: bool = False

    @property
    def text(self) -> str:
        """The place as it is written into a recording."""
        return f"{self.space}:{self.address:#x}" + (
            "" if self.space == "npt" else f"/{self.size}"
        )


Place = RegisterPlace | MemoryPlace


def register_of(text: str) -> str | None:
    """The register that a text names, as `rax`, `$rax`, `@rax` or `$pc`."""
    if text[:1] and text[0] in SIGNS:
        text = ALSO.get(text[1:].lower(), text[1:].lower())
    return text if text in REGISTERS else None


def place(machine: Machine, focus: Cpu, text: str) -> Place:
    """The place that a text names now; raises CommandError with a sentence."""
    head, colon, rest = text.partition(":")
    if head.startswith("cpu") and is_digits(head[3:]) and colon:
        focus = _cpu(machine, int(head[3:]), text)
        register = register_of(rest)
        if register is None:
            return place(machine, focus, rest)
        return _register(focus, register, text)
    register = register_of(text)
    if register is not None:
        return _register(focus, register, text)
    if text.startswith("mailbox."):
        return _mailbox(machine, text)
    if colon and head in NAMED:
        return NAMED[head](machine, focus, rest, text)
    return _memory(machine, focus, text)


def _cpu(machine: Machine, index: int, text: str) -> Cpu:
    if index >= len(machine.board.cpus):
        raise CommandError(f"{text}: there is no cpu {index}")
    return machine.board.cpus[index]


def _register(cpu: Cpu, register: str, text: str) -> RegisterPlace:
    return RegisterPlace(text, cpu.id, register)


def _mailbox(machine: Machine, text: str) -> MemoryPlace:
    name = text.partition(".")[2]
    found = next((field for field in FIELDS if field.name == name), None)
    if found is None:
        known = ", ".join(field.name for field in FIELDS)
        raise CommandError(f"{text}: the mailbox has {known}")
    if machine.board.mailbox_gpa is None:
        raise CommandError(f"{text}: no mailbox is known")
    return _at(machine, text, "gpa", machine.board.mailbox_gpa + found.offset, found.size)


def _npt(machine: Machine, _cpu: Cpu, rest: str, text: str) -> MemoryPlace:
    gpa = resolve(machine, rest)[0]
    walk = nested_walk.walk_nested(machine.board.memory, machine.board.npt.model_root, Gpa(gpa))
    if not walk.levels or walk.levels[-1].name != "L1":
        raise CommandError(f"{text}: the nested table has no leaf for {gpa:#x} yet")
    return MemoryPlace(text, "npt", gpa & ~0xFFF, walk.levels[-1].entry_hpa, 8)


def _pte(machine: Machine, cpu: Cpu, rest: str, text: str) -> MemoryPlace:
    gva = resolve(machine, rest)[0]
    if cpu.context is None:
        raise CommandError(f"{text}: cpu {cpu.id} has not started")
    walk = paging.walk_context(machine.board.memory, machine.board.npt, cpu.context, gva)
    if not walk.levels or walk.levels[-1].nested.hpa is None:
        raise CommandError(f"{text}: cpu {cpu.id} has no table entry for {gva:#x}")
    return _at(machine, text, "hpa", walk.levels[-1].nested.hpa, 8)


def _dtb(machine: Machine, _cpu: Cpu, path: str, text: str) -> MemoryPlace:
    gpa, blob = kernel_dtb_gpa(machine.board), kernel_dtb(machine.board)
    if gpa is None or blob is None:
        raise CommandError(f"{text}: the kernel has not been handed a device tree yet")
    node, _, name = path.rpartition("/")
    found = read_tree(blob).find(node or "/")
    value = None if found is None else found.get(name)
    if value is None:
        raise CommandError(f"{text}: the device tree has no property {path}")
    if not 1 <= len(value.value) <= _DEFAULT_BYTES:
        raise CommandError(f"{text}: {len(value.value)} bytes are no number")
    start = gpa + value.offset
    return replace(_at(machine, text, "gpa", start, len(value.value)), big_endian=True)


NAMED: Final[dict[str, Callable[[Machine, Cpu, str, str], MemoryPlace]]] = {
    "npt": _npt, "pte": _pte, "dtb": _dtb,
}  # fmt: skip
"""Word before a colon -> (machine, CPU, what stands behind it, all of it) to the place."""
SPACES: Final = ("gva", "gpa", "hpa")


def _memory(machine: Machine, focus: Cpu, text: str) -> MemoryPlace:
    where, slash, count = text.rpartition("/")
    if not slash or not begins_a_number(count):
        where, count = text, str(_DEFAULT_BYTES)
    size = number(count, text)
    if not 1 <= size <= BYTES_MAX:
        raise CommandError(f"{text}: 1 to {BYTES_MAX} bytes")
    space, colon, rest = where.partition(":")
    if not colon or space not in SPACES:
        space, rest = "gva", where
    address = resolve(machine, rest)[0]
    if space == "gva":
        if focus.context is None:
            raise CommandError(f"{text}: cpu {focus.id} has not started: try gpa:")
        gpa = machine.board.virtual.gpa(focus.context, address)
        hpa = None if gpa is None else machine.board.npt.hpa_of(gpa)
        if hpa is None:
            raise CommandError(f"{text}: cpu {focus.id} has nothing mapped at {address:#x}")
        if (
            pieces := machine.board.virtual.pieces(focus.context, address, size)
        ) is None or any(one[0] + one[1] != two[0] for one, two in pairwise(pieces)):
            raise CommandError(f"{text}: the bytes do not lie together")
        return _at(machine, text, "hpa", hpa, size)
    return _at(machine, text, space, address, size)


def _at(machine: Machine, text: str, space: str, address: int, size: int) -> MemoryPlace:
    """Bytes that lie together in the host: whoever looks at them looks at one place."""
    hpa = machine.board.ram.hpa(address) if space == "gpa" else Hpa(address)
    if hpa is None or hpa + size > machine.board.memory.size:
        raise CommandError(f"{text}: there is no memory at {address:#x}")
    last = machine.board.ram.hpa(address + size - 1) if space == "gpa" else Hpa(hpa + size - 1)
    if last != hpa + size - 1:
        raise CommandError(f"{text}: the bytes do not lie together")
    return MemoryPlace(text, space, address, hpa, size)


def number_of(where: Place, data: bytes) -> int:
    """What bytes of a place mean."""
    big_endian = isinstance(where, MemoryPlace) and where.big_endian
    return int.from_bytes(data, "big" if big_endian else "little")


def value(machine: Machine, where: Place) -> int | None:
    """What a place holds now; None for a register of a CPU that has not started."""
    if isinstance(where, MemoryPlace):
        return number_of(where, machine.board.memory.read(where.hpa, where.size))
    context = None if where.cpu is None else machine.board.cpus[where.cpu].context
    return None if context is None else context.get(where.register)


def put(machine: Machine, where: Place, number: int) -> None:
    """Somebody at the debugger changes a value; raises CommandError where that cannot be."""
    if isinstance(where, RegisterPlace):
        assert where.cpu is not None, "a register that is changed is one CPU's"
        context = machine.board.cpus[where.cpu].context
        if context is None:
            raise CommandError(f"{where.name}: cpu {where.cpu} has not started")
        if number > U64:
            raise CommandError(f"{where.name}: {number:#x} has more than 64 bits")
        context.put(where.register, number)
        machine.waits.wake(machine.board.cpus[where.cpu], machine.board.now_ps(), "disturbed")
        return
    if number >> 8 * where.size:
        raise CommandError(f"{where.name}: {number:#x} has more than {where.size} bytes")
    if where.space == "npt":
        machine.board.npt.set_leaf(Gpa(where.address), number)
        machine.board.tables_changed()
        return
    page = machine.board.ram.page_at(where.hpa)
    if page is None:
        raise CommandError(f"{where.name}: {where.hpa:#x} is the host's own memory")
    if where.hpa // 4096 != (where.hpa + where.size - 1) // 4096:
        raise CommandError(f"{where.name}: the bytes lie in two pages")
    data = number.to_bytes(where.size, "big" if where.big_endian else "little")
    gpa = Gpa(page + where.hpa % 4096)
    machine.stores.put(None, gpa, where.hpa, data)
    machine.board.tables_changed()
