"""Reads an exit once: from here on it is a value (`emu.vmm.asked`), and nobody else looks at
opcode bytes.

What the exit's code tells is known without the bytes, but for the instruction's length: any of
them may carry prefixes that change nothing else.
"""

from typing import Final

from emu.boot import disasm
from emu.hw import interrupt, vmcb
from emu.hw.context import ENCODED, Context
from emu.hw.exit import Exit, ExitKind
from emu.machine.code import CodeReader
from emu.machine.mmio import device_access
from emu.vmm import asked as ask
from emu.vmm.asked import Asked
from emu.vmm.devices import Devices

_U32: Final = 0xFFFF_FFFF
_UD: Final = vmcb.EXIT_EXCEPTION + 6
_INT3: Final = 0xCC
_MOV_CR, _REX, _LOCK = 0x0F, 0x40, 0xF0
_PLAIN: Final[dict[int, tuple[bytes, Asked | None]]] = {
    vmcb.EXIT_RDTSC: (b"\x0f\x31", ask.Rdtsc(2)),
    vmcb.EXIT_PAUSE: (b"\xf3\x90", ask.PauseHint(2)),
    vmcb.EXIT_HLT: (b"\xf4", ask.Hlt(1)),
    vmcb.EXIT_CPUID: (b"\x0f\xa2", None),
    vmcb.EXIT_WBINVD: (b"\x0f\x09", None),
    vmcb.EXIT_INVD: (b"\x0f\x08", None),
}
"""Exits of one instruction: as assemblers write it, and what is then asked if no register
matters."""
_RDMSR, _WRMSR = b"\x0f\x32", b"\x0f\x30"
_RDTSCP: Final = b"\x0f\x01\xf9"
_TDCALL: Final = b"\x66\x0f\x01\xcc"
_VMCALLS: Final = {b"\x0f\x01\xd9": "vmmcall", b"\x0f\x01\xc1": "vmcall"}
_NOT_OFFERED: Final = {vmcb.EXIT_MONITOR: "monitor", vmcb.EXIT_MWAIT: "mwait"}


def read_exit(exit_: Exit, registers: Context, code: CodeReader, devices: Devices) -> Asked:
    """What a CPU wants, whose registers are as the exit left them. `devices`: those that it
    reaches by plain loads and stores."""
    if exit_.kind is ExitKind.INTERCEPT:
        if exit_.code in _PLAIN:
            return _plain(exit_.code, code.next(registers), registers)
        return _intercept(exit_, registers, code, devices)
    match exit_.kind:
        case ExitKind.PORT_IN:
            return ask.PortIn(0, exit_.code, exit_.error)
        case ExitKind.PORT_OUT:
            return ask.PortOut(0, exit_.code, exit_.error, exit_.info)
        case ExitKind.SYSCALL:
            return ask.SyscallHere(0)
        case ExitKind.ERROR:
            return ask.EngineFailed(0, exit_.text)
        case _:
            raise AssertionError(f"{exit_.kind} is no exit to the VMM")


def _intercept(exit_: Exit, registers: Context, code: CodeReader, devices: Devices) -> Asked:
    """An SVM exit; those the machine repairs itself never get here."""
    number = exit_.code
    if number == vmcb.EXIT_NPF:
        if devices.window_at(exit_.info) is not None:
            return device_access(code.next(registers), registers, exit_.error, exit_.info)
        return ask.NestedFault(0, exit_.error, exit_.info)
    if number == _UD:
        return _undefined(code.next(registers), registers)
    if vmcb.EXIT_EXCEPTION <= number < vmcb.EXIT_EXCEPTION + 32:
        return _exception(number - vmcb.EXIT_EXCEPTION, exit_)
    if number == vmcb.EXIT_SHUTDOWN:
        return ask.ShutDown(0)
    if number in (vmcb.EXIT_READ_CR8, vmcb.EXIT_WRITE_CR8):
        return _task_priority(number, code.next(registers), registers)
    if number == vmcb.EXIT_SWINT:
        return _interrupt(code.next(registers), registers)
    if number == vmcb.EXIT_MSR:
        return _msr(code.next(registers), registers)
    return ask.NotOffered(0, _NOT_OFFERED.get(number, f"svm {number:#x}"))


def _exception(vector: int, exit_: Exit) -> ask.CpuFault:
    """A processor exception. What it does not have, the emulator leaves as the fault before it
    had it, perhaps one of the host's own: that is no part of it."""
    error = exit_.error if vector in interrupt.HAVE_ERROR_CODE else 0
    address = exit_.info if vector == interrupt.PAGE_FAULT else 0
    return ask.CpuFault(0, vector, error, address)


def _plain(number: int, code: bytes, registers: Context) -> Asked:
    """An instruction that the exit names: of its bytes only the length matters, and of RDTSC
    whether it is RDTSCP."""
    usual, asked = _PLAIN[number]
    plain = code.startswith(usual)
    if plain and asked is not None:
        return asked
    size = len(usual) if plain else disasm.length(code, registers.mode)
    match number:
        case vmcb.EXIT_RDTSC:
            return ask.Rdtsc(size, code.startswith(_RDTSCP))
        case vmcb.EXIT_PAUSE:
            return ask.PauseHint(size)
        case vmcb.EXIT_CPUID:
            get = registers.get
            return ask.Cpuid(size, get("rax") & _U32, get("rcx") & _U32)
        case vmcb.EXIT_HLT:
            return ask.Hlt(size)
    return ask.CacheFlush(size, "wbinvd" if number == vmcb.EXIT_WBINVD else "invd")


def _msr(code: bytes, registers: Context) -> Asked:
    """Which of the two it is, EXITINFO1 tells (APM 2, 15.11): the emulator leaves it where
    it has error codes."""
    get = registers.get
    msr = get("rcx") & _U32
    writes = registers.error_code == 1
    usual = code.startswith(_WRMSR if writes else _RDMSR)
    size = 2 if usual else disasm.length(code, registers.mode)
    if writes:
        return ask.Wrmsr(size, msr, (get("rdx") & _U32) << 32 | get("rax") & _U32)
    return ask.Rdmsr(size, msr)


def _task_priority(number: int, code: bytes, registers: Context) -> Asked:
    """MOV from or to CR8; the general register is in the last byte, and REX.B."""
    at = code.index(_MOV_CR)
    rex = code[at - 1] if at and code[at - 1] & 0xF0 == _REX else 0
    name, size = ENCODED[code[at + 2] & 7 | (rex & 1) << 3], at + 3
    if _LOCK in code[:at]:
        return ask.Undefined(0, "lock mov")  # AMD's other form of it
    if number == vmcb.EXIT_READ_CR8:
        return ask.ReadTaskPriority(size, name)
    return ask.WriteTaskPriority(size, registers.get(name))


def _undefined(code: bytes, registers: Context) -> Asked:
    """#UD: the calls to host and TDX module arrive this way, and so does a real one."""
    get = registers.get
    if code.startswith(_TDCALL):
        return ask.Tdcall(4, get("rax"), get("r10"), get("r11"))
    mnemonic = _VMCALLS.get(code[:3])
    if mnemonic is not None:
        return ask.Vmcall(3, get("rcx"), mnemonic)
    found = disasm.decode(code, registers.rip, registers.mode)
    return ask.Undefined(0, "no valid instruction" if found is None else found.mnemonic)


def _interrupt(code: bytes, registers: Context) -> ask.SoftInterrupt:
    """INT n and INT3."""
    vector = 3 if code[0] == _INT3 else code[1]
    return ask.SoftInterrupt(disasm.length(code, registers.mode), vector)
