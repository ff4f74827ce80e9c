"""CPUID in a TD: which leaves the TDX module answers, and which only the host could.

The table is that of the module's `cpuid_lookup` without its faulting leaves; the special cases
are `td_cpuid_exit`, with TD_CTLS as a TD begins with it (REDUCE_VE, VIRT_CPUID2 and
ENUM_TOPOLOGY off) and ATTRIBUTES.PERFMON off.
"""

from typing import Final

from emu.vmm.asked import Cpuid
from emu.vmm.cpuid import read_cpuid
from emu.vmm.effects import Complete, Effects, SetRegisters
from emu.vmm.state import Caller
from emu.vmm.ve import Reason, of_instruction

_ANY: Final = frozenset(
    (0x0, 0x1, 0x3, 0x5, 0x8, 0xA, 0xE, 0x11, 0x12, 0x13, 0x15, 0x19, 0x1A, 0x1C, 0x1E, 0x20,
     0x8000_0000, 0x8000_0001, 0x8000_0007, 0x8000_0008)
)  # fmt: skip
"""Answered for every sub-leaf."""
_SUBLEAVES: Final = {0x4: 5, 0x7: 3, 0xD: 19, 0x14: 2, 0x1D: 2, 0x21: 1}
"""Answered for so many sub-leaves."""
HIGHEST: Final = 0x21
_EXTENDED, _HIGHEST_EXTENDED = 0x8000_0000, 0x8000_0008
_RESERVED: Final = range(0x4000_0000, 0x5000_0000)
"""A hypervisor's leaves."""
_FEATURES: Final = 1
_INITIAL_ID: Final = 0xFF << 24


def leaf_of(leaf: int) -> int:
    """The leaf that is answered: one beyond its range is the highest basic one."""
    if leaf in _RESERVED:
        return leaf
    beyond = HIGHEST < leaf < _EXTENDED or leaf > _HIGHEST_EXTENDED
    return HIGHEST if beyond else leaf


def answers(leaf: int, subleaf: int) -> bool:
    """Whether the module has an answer of its own."""
    return leaf in _ANY or subleaf < _SUBLEAVES.get(leaf, 0)


def cpuid(caller: Caller, asked: Cpuid) -> Effects:
    """The module's answer, or #VE. The initial APIC id is the vCPU's index: what id it has only
    the host knows."""
    leaf, subleaf = leaf_of(asked.leaf), asked.subleaf
    if not answers(leaf, subleaf):
        what = f"CPUID of leaf {asked.leaf:#x}"
        return of_instruction(caller, Reason.CPUID, asked.size, what)
    eax, ebx, ecx, edx = read_cpuid(caller, leaf, subleaf)
    if leaf == _FEATURES:
        ebx = ebx & ~_INITIAL_ID | (caller.cpu & 0xFF) << 24
    return (SetRegisters((("rax", eax), ("rbx", ebx), ("rcx", ecx), ("rdx", edx))), Complete())
