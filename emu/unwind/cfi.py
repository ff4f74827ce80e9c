"""A caller's frame by call frame information (DWARF 5, 6.4.3)."""

from typing import Final

from emu.boot.dwarf_frames import CfaRule, FrameRow, FrameRule, FrameTable
from emu.hw.address import U64
from emu.unwind.expression import REGISTERS, KnownRegisters, Read, evaluate
from emu.unwind.frame import EnteredBy, SavedRegister
from emu.unwind.step import CallerFrame, NoCaller, Standing

_KEPT: Final = frozenset(("rbx", "rbp", "r12", "r13", "r14", "r15"))
"""What a callee leaves as it was (System V ABI, AMD64 supplement, 3.2.1); a row says nothing of
those that it has not touched, nor of those that it need not keep."""


def by_cfi(
    table: FrameTable, row: FrameRow, standing: Standing, read: Read
) -> CallerFrame | NoCaller | None:
    """The caller; None where a rule needs what is not known."""
    values = standing.values
    cfa = _cfa(row.cfa, values, read)
    if cfa is None:
        return None
    saved: list[SavedRegister] = []
    found: KnownRegisters = {name: values[name] for name in _KEPT if name in values}
    found["rsp"] = cfa
    for number, rule in row.rules.items():
        if number == table.return_register or not 0 <= number < len(REGISTERS):
            continue
        name = REGISTERS[number]
        value = _value(rule, number, cfa, values, read)
        if value is None:
            found.pop(name, None)
            continue
        found[name] = value
        if rule.kind == "at":
            saved.append(SavedRegister(name, cfa + rule.number & U64))
    back = row.rules.get(table.return_register)
    if back is None:
        return None
    if back.kind == "undefined":
        return NoCaller("the outermost frame, by CFI")
    address = _value(back, table.return_register, cfa, values, read)
    if address is None or "rsp" not in found:
        return None
    if not address:
        return NoCaller("the outermost frame: its return address is 0")
    slot = cfa + back.number & U64 if back.kind == "at" else None
    entry: EnteredBy = "interrupt" if table.signal else "call"
    standing = Standing(address, table.signal, found)
    return CallerFrame("CFI", entry, cfa, slot, standing, tuple(saved))


def _cfa(rule: CfaRule, values: KnownRegisters, read: Read) -> int | None:
    if rule.expression:
        return evaluate(rule.expression, values, read, ())
    if not 0 <= rule.register < len(REGISTERS):
        return None
    base = values.get(REGISTERS[rule.register])
    return None if base is None else base + rule.offset & U64


def _value(
    rule: FrameRule, number: int, cfa: int, values: KnownRegisters, read: Read
) -> int | None:
    """A register's value in the caller."""
    match rule.kind:
        case "at":
            return read(cfa + rule.number & U64)
        case "is":
            return cfa + rule.number & U64
        case "register":
            known = 0 <= rule.number < len(REGISTERS)
            return values.get(REGISTERS[rule.number]) if known else None
        case "same":
            return values.get(REGISTERS[number]) if 0 <= number < len(REGISTERS) else None
        case "at expression":
            place = evaluate(rule.expression, values, read, (cfa,))
            return None if place is None else read(place)
        case "is expression":
            return evaluate(rule.expression, values, read, (cfa,))
    return None
