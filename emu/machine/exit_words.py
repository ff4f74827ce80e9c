"""An exit in words, as the log of exits has it: what the guest asked for, and its numbers."""

from typing import Final

from emu.hw import vmcb
from emu.hw.cpu import Cpu
from emu.hw.engine import Exit, ExitKind
from emu.machine import exits
from emu.machine.board import Board
from emu.vmm import hypercalls, msr, tdx

_TDCALL: Final = b"\x66\x0f\x01\xcc"
_HOST_CALLS: Final = (b"\x0f\x01\xd9", b"\x0f\x01\xc1")
"""VMMCALL and VMCALL."""
_WRMSR: Final = b"\x0f\x30"
_VMCALL_LEAF: Final = 0
_HYPERCALL_NAMES: Final = {call.code: call.name for call in hypercalls.HYPERCALLS}
_U32: Final = 0xFFFFFFFF


def describe(board: Board, cpu: Cpu, exit_: Exit) -> str:
    """`tdcall TDG.MEM.PAGE.ACCEPT`, `wrmsr APIC_BASE (0x1b) = 0xfee00900`, `port out 0x3f8`."""
    name = exits.name_of(exit_)
    if exit_.kind in (ExitKind.PORT_IN, ExitKind.PORT_OUT):
        value = f" = {exit_.info:#x}" if exit_.kind is ExitKind.PORT_OUT else ""
        return f"{name} {exit_.code:#x}{value}"
    if exit_.kind is not ExitKind.INTERCEPT:
        return name
    match exit_.code:
        case vmcb.EXIT_CPUID:
            leaf, part = (cpu.registers.get(one) & _U32 for one in ("rax", "rcx"))
            return f"cpuid {leaf:#x} {part:#x}"
        case vmcb.EXIT_MSR:
            return _msr(board, cpu)
        case vmcb.EXIT_NPF:
            return f"npf {_access(exit_.error)} gpa {exit_.info:#x}"
        case code if code == vmcb.EXIT_EXCEPTION + 6:
            return _call(board, cpu) or name
        case code if code == vmcb.EXIT_EXCEPTION + 14:
            return f"exception {name} {_access(exit_.error)} {exit_.info:#x}"
        case code if vmcb.EXIT_EXCEPTION <= code < vmcb.EXIT_EXCEPTION + 32:
            return f"exception {name}"
    return name


def _access(error: int) -> str:
    return "fetching" if error & 16 else "writing" if error & 2 else "reading"


def _msr(board: Board, cpu: Cpu) -> str:
    get = cpu.registers.get
    name = msr.msr_name(get("rcx") & _U32)
    if not board.code_bytes(cpu).startswith(_WRMSR):
        return f"rdmsr {name}"
    return f"wrmsr {name} = {(get('rdx') & _U32) << 32 | get('rax') & _U32:#x}"


def _call(board: Board, cpu: Cpu) -> str:
    """The calls that arrive as #UD; empty for an instruction that is none."""
    code, get = board.code_bytes(cpu), cpu.registers.get
    if code.startswith(_TDCALL):
        leaf = get("rax")
        inner = ""
        if leaf == _VMCALL_LEAF:
            standard = get("r10") == 0
            inner = (
                f" {tdx.subfunction_name(get('r11'))}"
                if standard
                else f" {_hypercall(get('r10'))}"
            )
        return f"tdcall {tdx.leaf_name(leaf)}{inner}"
    if code.startswith(_HOST_CALLS):
        return _hypercall(get("rcx"))
    return "exception #UD"


def _hypercall(control: int) -> str:
    number = control & 0xFFFF
    return f"hypercall {_HYPERCALL_NAMES.get(number, f'{number:#x}')}"
