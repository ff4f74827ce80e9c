"""Entry through the guest's interrupt tables, which the engine leaves to its monitor.

SDM 3: 6.14 (64-bit), 6.12 (protected mode), 20.1.4 (real mode). A delivery that cannot be
completed is an exception of its own, with an error code as in SDM 3, 6.13 and SDM 2, INT n;
whether it comes next, becomes #DF or shuts the CPU down is the table of SDM 3, 6.15 (#DF).
"""

import struct
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from emu.hw.address import U64, canonical
from emu.hw.context import Context
from emu.hw.vmcb import SegmentState

NMI: Final = 2
DOUBLE_FAULT: Final = 8
INVALID_TSS: Final = 10
NOT_PRESENT: Final = 11
STACK: Final = 12
GENERAL: Final = 13
PAGE_FAULT: Final = 14
VIRTUALIZATION: Final = 20
CONTROL_PROTECTION: Final = 21
NAMES: Final = (
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "exception 9", "#TS", "#NP",
    "#SS", "#GP", "#PF", "exception 15", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
)  # fmt: skip
"""Exception mnemonics by vector (SDM 3, table 6-1)."""
HAVE_ERROR_CODE: Final = frozenset((8, 10, 11, 12, 13, 14, 17, 21))

FaultClass = Literal["benign", "contributory", "page fault", "double fault"]
FaultOutcome = Literal["serial", "double", "shutdown"]
_CLASSES: Final[dict[int, FaultClass]] = {
    **dict.fromkeys((0, 10, 11, 12, 13, CONTROL_PROTECTION), "contributory"),
    **dict.fromkeys((PAGE_FAULT, VIRTUALIZATION), "page fault"), DOUBLE_FAULT: "double fault",
}  # fmt: skip
_DOUBLES: Final[dict[tuple[FaultClass, FaultClass], FaultOutcome]] = {
    ("contributory", "contributory"): "double",
    ("page fault", "contributory"): "double",
    ("page fault", "page fault"): "double",
    ("double fault", "contributory"): "shutdown",
    ("double fault", "page fault"): "shutdown",
}

_FLAG_TF, _FLAG_IF, _FLAG_NT, _FLAG_RF = 1 << 8, 1 << 9, 1 << 14, 1 << 16
_INTERRUPT_GATE, _TRAP_GATE = 14, 15
ACCESSED_SEGMENT: Final = 1
"""Bit of a code or data segment's attributes, and of byte 5 of its descriptor."""
_EXTERNAL, _IN_IDT, _IN_LDT = 1, 2, 4
"""Bits of an error code that names a selector or a gate (SDM 3, figure 6-7)."""
_LONG, _DEFAULT_32 = 0x200, 0x400
"""L and D of a code segment's attributes."""


def name_of(vector: int) -> str:
    """`#PF`, or `interrupt 0x40` for a vector that is no exception."""
    return NAMES[vector] if vector < len(NAMES) else f"interrupt {vector:#x}"


def class_of(vector: int) -> FaultClass:
    """The class of an exception (SDM 3, table 6-4; #VE is as #PF by 25.5.7). Interrupts and
    INT n are benign whatever their vector."""
    return _CLASSES.get(vector, "benign")


def follows(first: FaultClass, second: int) -> FaultOutcome:
    """What an exception leads to that comes while one of a class is delivered (SDM 3, table
    6-5): it is delivered itself, there is a #DF, or the CPU shuts down."""
    return _DOUBLES.get((first, class_of(second)), "serial")


class AccessRefused(Struct, frozen=True):
    """Why the processor itself cannot reach memory: what CR2 gets and the error code of the
    #PF. `host`: the nested table refuses, so that it is no exception of the guest's."""

    address: int
    error_code: int
    why: str
    host: bool = False


class GuestAccess(Struct, frozen=True):
    """Guest-virtual memory of the CPU, as the processor itself uses it."""

    read: Callable[[int, int], bytes | None]
    write: Callable[[int, bytes], bool]
    refused: Callable[[int, int, bool], AccessRefused]
    """(address, bytes, whether it writes): why one of the other two has failed."""


class Delivery(Struct, frozen=True):
    """What is delivered: an exception, an interrupt, or (`software`) an INT n."""

    vector: int
    error_code: int | None
    return_rip: int
    """What the handler returns to."""
    software: bool = False

    @property
    def external(self) -> int:
        """EXT of the error codes of its own faults: what INT n meets is the program's doing."""
        return 0 if self.software else _EXTERNAL


class Refusal(Struct, frozen=True):
    """A delivery that the tables do not allow: the exception that it is, and why. `host`: the
    nested table's doing, of which the host is told and not the guest."""

    vector: int
    error_code: int
    why: str
    address: int | None = None
    """What CR2 gets."""
    host: bool = False


class _Gate(Struct, frozen=True):
    selector: int
    offset: int
    kind: int
    ist: int


class _Entry(Struct, frozen=True):
    """One delivery on its way."""

    context: Context
    guest: GuestAccess
    what: Delivery
    wide: bool

    def read(self, at: int, count: int, what: str) -> bytes | Refusal:
        """Bytes of a table."""
        raw = self.guest.read(at, count)
        return self.page_fault(at, count, what) if raw is None else raw

    def page_fault(self, at: int, count: int, what: str, *, writes: bool = False) -> Refusal:
        """An access to memory has failed."""
        found = self.guest.refused(at, count, writes)
        return Refusal(
            PAGE_FAULT, found.error_code, f"{what}: {found.why}", found.address, found.host
        )

    def refuse(self, vector: int, code: int, why: str) -> Refusal:
        """An exception whose code names what is wrong."""
        return Refusal(vector, code | self.what.external, why)


def deliver(context: Context, guest: GuestAccess, what: Delivery) -> Refusal | None:
    """Enter a handler. None when done, else what forbids it; then nothing of the context has
    changed. A delivery ends what STI held back (SDM 2B, STI)."""
    if context.mode == "real":
        return _deliver_real(context, guest, what)
    entry = _Entry(context, guest, what, bool(context.get("efer") & 0x400))
    gate = _gate(entry)
    if isinstance(gate, Refusal):
        return gate
    segment = _code_segment(entry, gate.selector)
    if isinstance(segment, Refusal):
        return segment
    if entry.wide:
        return _deliver_long(entry, gate, segment)
    return _deliver_protected(entry, gate, segment)


def _gate(entry: _Entry) -> _Gate | Refusal:
    """The IDT entry of a vector, or why there is none."""
    idt, vector = entry.context.segment("idtr"), entry.what.vector
    size, code = 16 if entry.wide else 8, vector << 3 | _IN_IDT
    if idt.limit < vector * size + size - 1:
        why = f"no IDT entry {vector}: IDT limit is {idt.limit:#x}"
        return entry.refuse(GENERAL, code, why)
    where = idt.base + vector * size
    raw = entry.read(where, size, f"IDT entry {vector} at {where:#x}")
    if isinstance(raw, Refusal):
        return raw
    low, selector, flags, high = struct.unpack_from("<HHHH", raw)
    kind = flags >> 8 & 0x1F
    if kind not in (_INTERRUPT_GATE, _TRAP_GATE):
        why = f"IDT entry {vector} is no interrupt or trap gate"
        return entry.refuse(GENERAL, code, why)
    if entry.what.software and flags >> 13 & 3 < entry.context.cpl:
        why = f"IDT entry {vector} is not for CPL {entry.context.cpl}"
        return entry.refuse(GENERAL, code, why)
    if not flags & 0x8000:
        return entry.refuse(NOT_PRESENT, code, f"IDT entry {vector} is not present")
    upper = struct.unpack_from("<I", raw, 8)[0] if entry.wide else 0
    return _Gate(selector, upper << 32 | high << 16 | low, kind, flags & 7 if entry.wide else 0)


def _code_segment(entry: _Entry, selector: int) -> SegmentState | Refusal:
    """The code segment that a gate names, with the privilege level of the handler as RPL."""
    table = "ldtr" if selector & _IN_LDT else "gdtr"
    found, place, code = entry.context.segment(table), selector & ~7, selector & ~3
    words = f"gate selector {selector:#x}"
    if not selector & ~3:
        return entry.refuse(GENERAL, 0, f"{words} is null")
    if place + 7 > found.limit:
        name = "LDT" if selector & _IN_LDT else "GDT"
        why = f"{words} is outside the {name} (limit {found.limit:#x})"
        return entry.refuse(GENERAL, code, why)
    raw = entry.read(found.base + place, 8, f"descriptor at {found.base + place:#x}")
    if isinstance(raw, Refusal):
        return raw
    word = int.from_bytes(raw, "little")
    attributes = word >> 40 & 0xFF | word >> 44 & 0xF00
    level, cpl = attributes >> 5 & 3, entry.context.cpl
    if attributes & 0x18 != 0x18:
        return entry.refuse(GENERAL, code, f"{words} is no code segment")
    if level > cpl:
        return entry.refuse(GENERAL, code, f"{words} has DPL {level}, above CPL {cpl}")
    if entry.wide and attributes & (_LONG | _DEFAULT_32) != _LONG:
        return entry.refuse(GENERAL, code, f"{words} is no 64-bit code segment")
    if not attributes & 0x80:
        return entry.refuse(NOT_PRESENT, code, f"{words} is not present")
    if not attributes & ACCESSED_SEGMENT:  # whoever loads it sets the bit (SDM 3, 3.4.5.1)
        attributes |= ACCESSED_SEGMENT
        at = found.base + place + 5
        if not entry.guest.write(at, bytes((attributes & 0xFF,))):
            return entry.page_fault(at, 1, f"descriptor at {at - 5:#x}", writes=True)
    limit = word & 0xFFFF | word >> 32 & 0xF0000
    if attributes & 0x800:
        limit = limit << 12 | 0xFFF
    base = word >> 16 & 0xFFFFFF | word >> 32 & 0xFF000000
    conforming = attributes & 4
    return SegmentState(code | (cpl if conforming else level), base, limit, attributes)


def _enter(context: Context, gate: _Gate, segment: SegmentState, pushed: int) -> None:
    """Flags, CS:RIP and the stack pointer after a successful push."""
    clear = _FLAG_TF | _FLAG_NT | _FLAG_RF | (_FLAG_IF if gate.kind == _INTERRUPT_GATE else 0)
    context.put("rflags", context.get("rflags") & ~clear)
    context.put_code(segment)
    context.put("rip", gate.offset)
    context.put("rsp", pushed)
    context.end_shadow()


def _stack_top(entry: _Entry, gate: _Gate, level: int) -> int | Refusal:
    """Where a frame goes: on the stack that is in use, on that of a privilege level, or on one
    of the interrupt stack table."""
    context = entry.context
    if not gate.ist and level == context.cpl:
        return context.get("rsp")
    tss, offset = context.segment("tr"), 28 + 8 * gate.ist if gate.ist else 4 + 8 * level
    if offset + 7 > tss.limit:
        why = f"the TSS has no stack pointer at {offset:#x}: its limit is {tss.limit:#x}"
        return entry.refuse(INVALID_TSS, tss.selector & ~3, why)
    place = tss.base + offset
    raw = entry.read(place, 8, f"the TSS stack pointer at {place:#x}")
    return raw if isinstance(raw, Refusal) else int.from_bytes(raw, "little")


def _deliver_long(entry: _Entry, gate: _Gate, segment: SegmentState) -> Refusal | None:
    """64-bit delivery: always SS:RSP, on the IST or privilege stack where one is asked for."""
    context, what = entry.context, entry.what
    if not canonical(gate.offset):
        return entry.refuse(GENERAL, 0, f"handler {gate.offset:#x} is not canonical")
    level = segment.selector & 3
    inward = level < context.cpl
    top = _stack_top(entry, gate, level)
    if isinstance(top, Refusal):
        return top
    words = [context.segment("ss").selector, context.get("rsp"), context.get("rflags")]
    words += [context.segment("cs").selector, what.return_rip]
    words += [what.error_code] if what.error_code is not None else []
    frame = struct.pack(f"<{len(words)}Q", *reversed(words))
    pushed = (top & ~0xF) - len(frame) & U64
    if not (canonical(pushed) and canonical(top)):
        return entry.refuse(STACK, 0, f"the stack at {top:#x} is not canonical")
    if not entry.guest.write(pushed, frame):
        return entry.page_fault(pushed, len(frame), f"the stack at {pushed:#x}", writes=True)
    _enter(context, gate, segment, pushed)
    if inward:
        context.put_segment("ss", SegmentState(level, 0, 0xFFFFFFFF, 0xC93))
        context.put_cpl(level)
    return None


def _deliver_protected(entry: _Entry, gate: _Gate, segment: SegmentState) -> Refusal | None:
    """32-bit delivery without a change of privilege, which is all that boot code does."""
    context, what = entry.context, entry.what
    if segment.selector & 3 != context.cpl:
        why = "a 32-bit gate that changes the privilege level is not modelled"
        return entry.refuse(GENERAL, segment.selector & ~3, why)
    words = [context.get("rflags"), context.segment("cs").selector, what.return_rip]
    words += [what.error_code] if what.error_code is not None else []
    frame = struct.pack(f"<{len(words)}I", *(word & 0xFFFFFFFF for word in reversed(words)))
    pushed = context.get("rsp") - len(frame) & 0xFFFFFFFF
    place = context.segment("ss").base + pushed
    if not entry.guest.write(place, frame):
        return entry.page_fault(place, len(frame), f"the stack at {pushed:#x}", writes=True)
    _enter(context, gate, segment, pushed)
    return None


def _deliver_real(context: Context, guest: GuestAccess, what: Delivery) -> Refusal | None:
    """Real mode: FLAGS, CS and IP on the stack, the handler from the vector table."""
    idt, vector = context.segment("idtr"), what.vector
    raw = guest.read(idt.base + 4 * vector, 4)
    if raw is None or idt.limit < 4 * vector + 3:
        return Refusal(GENERAL, 0, f"the real-mode vector table has no entry {vector}")
    offset, selector = struct.unpack("<HH", raw)
    frame = struct.pack(
        "<HHH", what.return_rip & 0xFFFF, context.segment("cs").selector,
        context.get("rflags") & 0xFFFF,
    )  # fmt: skip
    pushed = context.get("rsp") - len(frame) & 0xFFFF
    if not guest.write(context.segment("ss").base + pushed, frame):
        return Refusal(STACK, 0, f"the stack at {pushed:#x} cannot be written")
    context.put("rflags", context.get("rflags") & ~(_FLAG_IF | _FLAG_TF))
    context.put_segment("cs", SegmentState(selector, selector << 4, 0xFFFF, 0x9B))
    context.put("rip", offset)
    context.put("rsp", context.get("rsp") & ~0xFFFF | pushed)
    context.end_shadow()
    return None
