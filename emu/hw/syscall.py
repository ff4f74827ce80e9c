"""SYSCALL: the fast way into a kernel, which the emulator leaves to us (SYSRET it has)."""

from typing import Final

from emu.hw.context import Context
from emu.hw.vmcb import SegmentState

EFER_SCE: Final = 1
_LIMIT: Final = 0xFFFF_FFFF
_CODE, _STACK = 0xA9B, 0xC93
"""64-bit code and flat data of level 0, both accessed, in the VMCB's form."""
_RF: Final = 1 << 16


def enabled(context: Context) -> bool:
    """Whether it is no #UD: in 64-bit mode, with EFER.SCE (SDM 2B, SYSCALL)."""
    return context.mode == "long" and bool(context.get("efer") & EFER_SCE)


def enter(context: Context) -> None:
    """The kernel is entered; RIP is already what it returns to. No table is read, and no stack
    changed (SDM 2B, SYSCALL)."""
    flags, selector = context.get("rflags"), context.get("star") >> 32 & 0xFFFF
    context.put("rcx", context.rip)
    context.put("r11", flags & ~_RF)
    context.put("rip", context.get("lstar"))
    context.put("rflags", flags & ~(context.get("fmask") & 0xFFFF_FFFF | _RF) | 2)
    context.put_segment("cs", SegmentState(selector & ~3, 0, _LIMIT, _CODE))
    context.put_segment("ss", SegmentState(selector + 8 & 0xFFFF, 0, _LIMIT, _STACK))
    context.put_cpl(0)
