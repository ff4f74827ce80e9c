"""Plain Unicorn, as a program of its own would drive it, on the same loop."""

from typing import Any, Final

import unicorn
from unicorn import x86_const as x86

from benchmarks.guest import DATA

_CODE: Final = 0x100000
_NOWHERE: Final = 0
"""An `until` that is never reached."""


class Bare:
    """One engine without paging, before the first instruction of the loop."""

    def __init__(self, loop: bytes) -> None:
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self._uc.mem_map(DATA & ~0xFFF, 0x1000)
        self._uc.mem_map(_CODE, 0x1000)
        self._uc.mem_write(_CODE, loop)
        self._uc.reg_write(x86.UC_X86_REG_RDI, DATA)
        self._uc.reg_write(x86.UC_X86_REG_RCX, 1)
        self._rip = _CODE

    def step(self, count: int) -> None:
        """Single instructions, each with a look at where it led."""
        for _ in range(count):
            self.run(1)

    def run(self, count: int) -> None:
        """So many instructions at one go."""
        self._uc.emu_start(self._rip, _NOWHERE, 0, count)
        self._rip = self._uc.reg_read(x86.UC_X86_REG_RIP)

    @property
    def laps(self) -> int:
        """How often the loop has counted ESI up."""
        return int(self._uc.reg_read(x86.UC_X86_REG_RSI))
