"""TDCALL: picks the leaf in RAX, and refuses the ones there are not."""

from typing import Final

from emu.vmm.effects import Effects, RaiseException
from emu.vmm.state import Caller
from emu.vmm.tdx import info, memory, metadata, vmcall
from emu.vmm.tdx.abi import Code, Operand
from emu.vmm.tdx.leaf import TdcallLeaf, failed

LEAVES: Final = (*vmcall.LEAVES, *info.LEAVES, *memory.LEAVES, *metadata.LEAVES)
"""Every leaf the module of this model has."""

_BY_NUMBER: Final = {leaf.number: leaf for leaf in LEAVES}
_UNDEFINED_OPCODE: Final = 6


def leaf_of(number: int) -> TdcallLeaf | None:
    """The leaf of a number; None where there is none."""
    return _BY_NUMBER.get(number)


def leaf_name(number: int) -> str:
    """What people call a leaf: "TDG.MEM.PAGE.ACCEPT", or its number."""
    leaf = _BY_NUMBER.get(number)
    return f"TDG.{leaf.name}" if leaf else f"TDCALL leaf {number:#x}"


def tdcall(caller: Caller) -> Effects:
    """TDCALL with the leaf in RAX; outside a TD it is an undefined instruction.

    An unknown leaf is an invalid operand RAX. The price of the call itself is the machine's."""
    if caller.platform.isolation != "tdx":
        return (RaiseException(_UNDEFINED_OPCODE, None, "TDCALL outside a trust domain"),)
    number = caller.registers("rax")
    leaf = _BY_NUMBER.get(number)
    if leaf is None:
        return failed(Code.OPERAND_INVALID, Operand.RAX, f"leaf {number:#x} does not exist")
    return leaf.handle(caller)
