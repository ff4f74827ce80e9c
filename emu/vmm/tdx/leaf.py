"""What a TDCALL leaf is, and the two ways in which most of them end."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from emu.vmm.effects import Complete, Effects, Note, SetRegisters
from emu.vmm.state import Caller
from emu.vmm.tdx.abi import Code, completion


def in_hex(value: int) -> str:
    """`0x1f`."""
    return f"{value:#x}"


class Shown(NamedTuple):
    """A register that carries an operand or a result: what it is called, and its words."""

    register: str
    name: str
    words: Callable[[int], str] = in_hex

    def told(self, value: int) -> str:
        """`name=words`."""
        return f"{self.name}={self.words(value)}"


class TdcallLeaf(Struct, frozen=True):
    """A row of the TDCALL table."""

    number: int
    """What RAX holds."""
    name: str
    """Without the TDG prefix: "MEM.PAGE.ACCEPT"."""
    handle: Callable[[Caller], Effects]
    takes: tuple[Shown, ...] = ()
    """Beside the leaf."""
    gives: tuple[Shown, ...] = ()
    """Beside the status."""


def done(*registers: tuple[str, int]) -> Effects:
    """Success: RAX is zero, the named registers get their values, the rest stay."""
    return (SetRegisters((("rax", 0), *registers)), Complete())


def failed(
    code: Code, operand: int = 0, why: str = "", registers: tuple[tuple[str, int], ...] = ()
) -> Effects:
    """A completion code in RAX and a line in the log."""
    status = completion(code, operand)
    text = f"TDCALL: {why} -> {status:#018x} {code.name}"
    return (Note(text, why), SetRegisters((("rax", status), *registers)), Complete())
