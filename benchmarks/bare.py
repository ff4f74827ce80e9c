"""Plain Unicorn, as a program of its own would drive it, on the same loop."""

from typing import Any, Final

import unicorn
from unicorn import x86_const as x86

from benchmarks.guest import DATA, REGISTERS
from benchmarks.turns import cpu_seconds

_CODE: Final = 0x100000
_NOWHERE: Final = 0
"""An `until` that is never reached."""
SAMPLE: Final = 4_000
"""Steps that say how fast this machine is now: some 20 ms."""


class Bare:
    """One engine without paging, before the first instruction of the loop."""

    def __init__(self, loop: bytes = REGISTERS) -> None:
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self._uc.mem_map(DATA & ~0xFFF, 0x1000)
        self._uc.mem_map(_CODE, 0x1000)
        self._uc.mem_write(_CODE, loop)
        self._uc.reg_write(x86.UC_X86_REG_RDI, DATA)
        self._uc.reg_write(x86.UC_X86_REG_RCX, 1)
        self._rip = _CODE

    def step(self, count: int) -> None:
        """Single instructions, each with a look at where it led."""
        start, look, register = self._uc.emu_start, self._uc.reg_read, x86.UC_X86_REG_RIP
        rip = self._rip
        for _ in range(count):
            start(rip, _NOWHERE, 0, 1)
            rip = look(register)
        self._rip = rip

    def run(self, count: int) -> None:
        """So many instructions at one go."""
        self._uc.emu_start(self._rip, _NOWHERE, 0, count)
        self._rip = self._uc.reg_read(x86.UC_X86_REG_RIP)

    def step_seconds(self, count: int = SAMPLE) -> float:
        """Processor time of one bare step, the unit of most figures, as it is now."""
        return cpu_seconds(lambda: self.step(count)) / count

    @property
    def laps(self) -> int:
        """How often the loop has counted ESI up."""
        return int(self._uc.reg_read(x86.UC_X86_REG_RSI))
