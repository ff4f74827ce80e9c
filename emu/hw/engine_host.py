"""What stands around an engine: the library's own, as it is opened, and who keeps its
translated code apart from stores."""

from typing import Any, Final, Protocol

from unicorn import unicorn_const as uc_const
from unicorn import x86_const as x86

from emu.hw import engine_native as native
from emu.hw.address import Hpa
from emu.hw.context import Context
from emu.hw.memory import HostMemory

TRANSLATION_BYTES: Final = 32 << 20
"""Translated code: whole boots fit, and one flush stays below 40 us."""


def open_engine(memory: HostMemory, save_area: Hpa) -> Any:
    """A 64-bit engine with SVM, host paging off, all of host memory at HPA 0; VMRUN saves the
    host's state to one page."""
    uc: Any = native.new_engine(uc_const.UC_ARCH_X86, uc_const.UC_MODE_64)
    uc.ctl_set_cpu_model(x86.UC_CPU_X86_EPYC)
    uc.ctl_set_tcg_buffer_size(TRANSLATION_BYTES)
    uc.mem_map_ptr(0, memory.size, uc_const.UC_PROT_ALL, memory.pointer)
    uc.reg_write(x86.UC_X86_REG_CR4, 1 << 5 | 1 << 9 | 1 << 10 | 1 << 18)
    uc.msr_write(0xC0000080, 0x1D00)  # host EFER: SVME, NXE, LMA, LME
    uc.msr_write(0xC0010117, save_area)
    # Exits mode without exits: `until` would make each return walk the guest's tables.
    uc.ctl_exits_enabled(True)
    uc.ctl_set_exits([])
    return uc


class CodeKeeper(Protocol):
    """Who keeps stores and translated code apart (`emu.machine.own_code`)."""

    def knows(self, root: int, first: int, size: int) -> bool:
        """Whether blocks of the same pages of linear addresses are known under a CR3."""

    def translated(self, registers: Context, first: int, size: int) -> None:
        """A block was translated, from a linear address on."""

    def opens(self, gpa: int) -> bool:
        """Whether a denied store is to run alone; then its page is open."""

    def close(self) -> None:
        """It has run."""

    def forget(self) -> None:
        """Translated code is gone."""
