"""Which registers a TDVMCALL has reason to show the host, and what came back (GHCI 1.5, 3)."""

from typing import Final, NamedTuple

from emu.hw.context import GENERAL
from emu.hw.cpu import Cpu
from emu.vmm import tdx
from emu.vmm.asked import Tdcall

_R10_R12, _R10_R13, _R10_R14, _R10_R15, _ALL = 0x1C00, 0x3C00, 0x7C00, 0xFC00, 0xFFCC
_OWN: Final = {
    0xA: _R10_R15, 0xC: _R10_R12, 0x1E: _R10_R15, 0x1F: _R10_R12, 0x20: _R10_R13,
    0x30: _R10_R15, 0x1_0000: _R10_R14, 0x1_0001: _R10_R13, 0x1_0002: _R10_R13,
    0x1_0003: _ALL, 0x1_0004: _R10_R12,
}  # fmt: skip
"""Subfunction -> RCX: a bit for each register that carries an argument or a result."""
_HYPERCALL: Final = 0x0D04
"""RDX, R8, R10 and R11: a Hyper-V hypercall (openvmm, tdx hypercall)."""
_ENCODED: Final = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *GENERAL[8:])
"""Registers by the number of their bit."""


class Asking(NamedTuple):
    """A TDCALL before it is answered."""

    address: int
    call: str
    shown: tuple[tuple[str, int], ...]
    status: str
    """The register in which the host's status comes back; empty where there is none."""


def asking(cpu: Cpu, call: Tdcall) -> Asking:
    """A TDCALL that a CPU is about to make, with what it shows."""
    get = cpu.registers.get
    at = cpu.registers.linear_rip
    function = call.subfunction
    vendor = call.hypercall is not None
    if function is None and not vendor:
        return Asking(at, tdx.leaf_name(call.leaf), (), "")
    own = _HYPERCALL if function is None else _OWN.get(function, _ALL)
    name = "a hypercall" if function is None else tdx.subfunction_name(function)
    spare = get("rcx") & 0xFFFF & ~own
    shown = tuple(
        (register, value)
        for bit, register in enumerate(_ENCODED)
        if spare >> bit & 1 and (value := get(register))
    )
    return Asking(at, f"TDG.VP.VMCALL {name}", shown, "r11" if vendor else "r10")
