"""Entry through the guest's interrupt tables, which the engine leaves to its monitor.

SDM 3: 6.14 (64-bit), 6.12 (protected mode), 20.1.4 (real mode). A delivery that cannot be
completed says why; the machine then tries #DF, and after that the CPU shuts down.
"""

import struct
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.hw.context import Context
from emu.hw.vmcb import SegmentState

NMI: Final = 2
DOUBLE_FAULT: Final = 8
NOT_PRESENT: Final = 11
GENERAL: Final = 13
PAGE_FAULT: Final = 14
NAMES: Final = (
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "exception 9", "#TS", "#NP",
    "#SS", "#GP", "#PF", "exception 15", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
)  # fmt: skip
"""Exception mnemonics by vector (SDM 3, table 6-1)."""
HAVE_ERROR_CODE: Final = frozenset((8, 10, 11, 12, 13, 14, 17, 21))
_CONTRIBUTORY: Final = frozenset((0, 10, 11, 12, 13))

_FLAG_TF, _FLAG_IF, _FLAG_NT, _FLAG_RF = 1 << 8, 1 << 9, 1 << 14, 1 << 16
_INTERRUPT_GATE, _TRAP_GATE = 14, 15
ACCESSED_SEGMENT: Final = 1
"""Bit of a code or data segment's attributes, and of byte 5 of its descriptor."""


def name_of(vector: int) -> str:
    """`#PF`, or `interrupt 0x40` for a vector that is no exception."""
    return NAMES[vector] if vector < len(NAMES) else f"interrupt {vector:#x}"


def doubles(first: int, second: int) -> bool:
    """Whether a fault while delivering another becomes #DF (SDM 3, table 6-5)."""
    if first == PAGE_FAULT:
        return second == PAGE_FAULT or second in _CONTRIBUTORY
    return first in _CONTRIBUTORY and second in _CONTRIBUTORY


class GuestAccess(Struct, frozen=True):
    """Guest-virtual memory of the CPU, as the processor itself uses it."""

    read: Callable[[int, int], bytes | None]
    write: Callable[[int, bytes], bool]


class Refusal(Struct, frozen=True):
    """A delivery that the tables do not allow: the exception it is, and why."""

    vector: int
    why: str


class _Gate(Struct, frozen=True):
    selector: int
    offset: int
    kind: int
    ist: int


def deliver(
    context: Context, guest: GuestAccess, vector: int, error_code: int | None, return_rip: int
) -> Refusal | None:
    """Enter a handler. None when done, else what forbids it; then nothing of the context has
    changed. `return_rip` is what the handler returns to."""
    if context.mode == "real":
        return _deliver_real(context, guest, vector, return_rip)
    wide = bool(context.get("efer") & 0x400)
    found = _gate(context, guest, vector, wide)
    if isinstance(found, Refusal):
        return found
    segment = _code_segment(context, guest, found.selector)
    if isinstance(segment, Refusal):
        return segment
    if wide:
        return _deliver_long(context, guest, found, segment, error_code, return_rip)
    return _deliver_protected(context, guest, found, segment, error_code, return_rip)


def _gate(context: Context, guest: GuestAccess, vector: int, wide: bool) -> _Gate | Refusal:
    """The IDT entry of a vector, or why there is none."""
    idt = context.segment("idtr")
    size = 16 if wide else 8
    if idt.limit < vector * size + size - 1:
        return Refusal(GENERAL, f"no IDT entry {vector}: IDT limit is {idt.limit:#x}")
    raw = guest.read(idt.base + vector * size, size)
    if raw is None:
        where = idt.base + vector * size
        return Refusal(PAGE_FAULT, f"IDT entry {vector} at {where:#x} is not mapped")
    low, selector, flags, high = struct.unpack_from("<HHHH", raw)
    kind = flags >> 8 & 0xF
    if not flags & 0x8000 or kind not in (_INTERRUPT_GATE, _TRAP_GATE):
        absent = NOT_PRESENT if kind in (_INTERRUPT_GATE, _TRAP_GATE) else GENERAL
        return Refusal(absent, f"IDT entry {vector} is no present interrupt or trap gate")
    upper = struct.unpack_from("<I", raw, 8)[0] if wide else 0
    return _Gate(selector, upper << 32 | high << 16 | low, kind, flags & 7 if wide else 0)


def _code_segment(
    context: Context, guest: GuestAccess, selector: int
) -> SegmentState | Refusal:
    """The code segment a gate names, read from the GDT."""
    gdt = context.segment("gdtr")
    place = selector & ~7
    if not place or place + 7 > gdt.limit:
        why = f"gate selector {selector:#x} is outside the GDT (limit {gdt.limit:#x})"
        return Refusal(GENERAL, why)
    raw = guest.read(gdt.base + place, 8)
    if raw is None:
        return Refusal(PAGE_FAULT, f"GDT entry at {gdt.base + place:#x} is not mapped")
    word = int.from_bytes(raw, "little")
    attributes = word >> 40 & 0xFF | word >> 44 & 0xF00
    if attributes & 0x98 != 0x98:
        return Refusal(GENERAL, f"gate selector {selector:#x} is no present code segment")
    if not attributes & ACCESSED_SEGMENT:  # whoever loads it sets the bit (SDM 3, 3.4.5.1)
        attributes |= ACCESSED_SEGMENT
        if not guest.write(gdt.base + place + 5, bytes((attributes & 0xFF,))):
            return Refusal(PAGE_FAULT, f"GDT entry at {gdt.base + place:#x} cannot be written")
    limit = word & 0xFFFF | word >> 32 & 0xF0000
    if attributes & 0x800:
        limit = limit << 12 | 0xFFF
    base = word >> 16 & 0xFFFFFF | word >> 32 & 0xFF000000
    return SegmentState(selector, base, limit, attributes)


def _enter(context: Context, gate: _Gate, segment: SegmentState, pushed: int) -> None:
    """Flags, CS:RIP and the stack pointer after a successful push."""
    clear = _FLAG_TF | _FLAG_NT | _FLAG_RF | (_FLAG_IF if gate.kind == _INTERRUPT_GATE else 0)
    context.put("rflags", context.get("rflags") & ~clear)
    context.put_segment("cs", segment)
    context.put("rip", gate.offset)
    context.put("rsp", pushed)


def _deliver_long(
    context: Context,
    guest: GuestAccess,
    gate: _Gate,
    segment: SegmentState,
    error_code: int | None,
    return_rip: int,
) -> Refusal | None:
    """64-bit delivery: always SS:RSP, on the IST or privilege stack where one is asked for."""
    level = segment.attributes >> 5 & 3
    inward = level < context.cpl
    top = context.get("rsp")
    if gate.ist or inward:
        place = context.segment("tr").base + (28 + 8 * gate.ist if gate.ist else 4)
        raw = guest.read(place, 8)
        if raw is None:
            return Refusal(PAGE_FAULT, f"the TSS stack pointer at {place:#x} is not mapped")
        top = int.from_bytes(raw, "little")
    stack_segment = context.segment("ss")
    words = [stack_segment.selector, context.get("rsp"), context.get("rflags")]
    words += [context.segment("cs").selector, return_rip]
    words += [error_code] if error_code is not None else []
    frame = struct.pack(f"<{len(words)}Q", *reversed(words))
    pushed = (top & ~0xF) - len(frame)
    if not guest.write(pushed, frame):
        return Refusal(PAGE_FAULT, f"the stack at {pushed:#x} cannot be written")
    _enter(context, gate, segment, pushed)
    if inward:
        context.put_segment("ss", SegmentState(level, 0, 0xFFFFFFFF, 0xC93))
        context.put_cpl(level)
    return None


def _deliver_protected(
    context: Context,
    guest: GuestAccess,
    gate: _Gate,
    segment: SegmentState,
    error_code: int | None,
    return_rip: int,
) -> Refusal | None:
    """32-bit delivery without a change of privilege, which is all that boot code does."""
    if (segment.attributes >> 5 & 3) != context.cpl:
        return Refusal(
            GENERAL, "a 32-bit gate that changes the privilege level is not modelled"
        )
    words = [context.get("rflags"), context.segment("cs").selector, return_rip]
    words += [error_code] if error_code is not None else []
    frame = struct.pack(f"<{len(words)}I", *(word & 0xFFFFFFFF for word in reversed(words)))
    pushed = context.get("rsp") - len(frame) & 0xFFFFFFFF
    if not guest.write(context.segment("ss").base + pushed, frame):
        return Refusal(PAGE_FAULT, f"the stack at {pushed:#x} cannot be written")
    _enter(context, gate, segment, pushed)
    return None


def _deliver_real(
    context: Context, guest: GuestAccess, vector: int, return_rip: int
) -> Refusal | None:
    """Real mode: FLAGS, CS and IP on the stack, the handler from the vector table."""
    idt = context.segment("idtr")
    raw = guest.read(idt.base + 4 * vector, 4)
    if raw is None or idt.limit < 4 * vector + 3:
        return Refusal(GENERAL, f"the real-mode vector table has no entry {vector}")
    offset, selector = struct.unpack("<HH", raw)
    frame = struct.pack(
        "<HHH", return_rip & 0xFFFF, context.segment("cs").selector,
        context.get("rflags") & 0xFFFF,
    )  # fmt: skip
    pushed = context.get("rsp") - len(frame) & 0xFFFF
    if not guest.write(context.segment("ss").base + pushed, frame):
        return Refusal(PAGE_FAULT, f"the stack at {pushed:#x} cannot be written")
    context.put("rflags", context.get("rflags") & ~(_FLAG_IF | _FLAG_TF))
    context.put_segment("cs", SegmentState(selector, selector << 4, 0xFFFF, 0x9B))
    context.put("rip", offset)
    context.put("rsp", context.get("rsp") & ~0xFFFF | pushed)
    return None
