"""RDRAND and RDSEED: numbers from the machine's seed, so that a run can be had again.

Each CPU has a stream of its own, so that what one draws does not depend on how often others
have drawn by then. Where a stream stands is the VMM's state and goes back in time with it.
"""

import hashlib
from typing import Final

from emu.vmm.asked import RandomNumber
from emu.vmm.effects import Complete, Effects, SetDrawn, SetRegisters
from emu.vmm.state import Caller

_CARRY: Final = 1
_ARITHMETIC: Final = 0x8D5
"""OF, SF, ZF, AF, PF and CF."""


def draw(caller: Caller, asked: RandomNumber) -> Effects:
    """CF is set, for there always is a number, and OF, SF, ZF, AF and PF are cleared (SDM 2B,
    RDRAND); 32 bits clear the rest of the register, 16 leave it."""
    drawn = caller.vmm.drawn.get(caller.cpu, 0)
    value = _number(caller.vmm.seed, caller.cpu, drawn) & (1 << asked.bits) - 1
    if asked.bits == 16:
        value |= caller.registers(asked.into) & ~0xFFFF
    flags = caller.registers("rflags") & ~_ARITHMETIC | _CARRY
    return (
        SetDrawn(caller.cpu, drawn + 1),
        SetRegisters(((asked.into, value), ("rflags", flags))),
        Complete(),
    )


def _number(seed: int, cpu: int, drawn: int) -> int:
    what = f"{seed} {cpu} {drawn}".encode()
    return int.from_bytes(hashlib.blake2b(what, digest_size=8).digest(), "little")
