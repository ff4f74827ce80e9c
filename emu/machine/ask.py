"""Reads an exit once: from here on it is a value (`emu.vmm.asked`), and nobody else looks at
opcode bytes.

What the exit's code tells is known without the bytes, but for the instruction's length: any of
them may carry prefixes that change nothing else.
"""

from typing import Final

from emu.boot import disasm
from emu.hw import interrupt, syscall, vmcb
from emu.hw.context import ENCODED, Context
from emu.hw.control import ControlRegister
from emu.hw.exit import Exit, ExitKind
from emu.machine.code import CodeReader
from emu.machine.mmio import device_access
from emu.machine.monitor_code import read_monitor
from emu.machine.port_access import port_access
from emu.vmm import asked as ask
from emu.vmm.asked import Asked
from emu.vmm.devices import Devices

_U32: Final = 0xFFFF_FFFF
_UD: Final = vmcb.EXIT_EXCEPTION + 6
_INT3: Final = 0xCC
_LOCK: Final = 0xF0
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
_SEV: Final = {
    b"\xf2\x0f\x01\xff": "pvalidate", b"\xf3\x0f\x01\xfe": "rmpadjust",
    b"\xf3\x0f\x01\xd9": "vmgexit",
}  # fmt: skip
"""APM 3, PVALIDATE, RMPADJUST, VMGEXIT."""
CONTROL_WRITES: Final[dict[int, ControlRegister]] = {
    vmcb.EXIT_WRITE_CR: "cr0", vmcb.EXIT_WRITE_CR + 3: "cr3", vmcb.EXIT_WRITE_CR + 4: "cr4",
}  # fmt: skip
"""The exits of writes to these."""
_MOVE_TO_CONTROL: Final = b"\x0f\x22"
_PREFIXES: Final = b"\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65\x66\x67"
_REX: Final = 0x40
_RANDOM: Final = b"\x0f\xc7"
_RANDOM_KINDS: Final = {6: "rdrand", 7: "rdseed"}
_OPERAND_SIZE: Final = 0x66
_NO_RANDOM: Final = b"\xf0\xf2\xf3"
"""With LOCK or a repeat prefix it is undefined, or another instruction (RDPID)."""
_NARROW_TASKS: Final = (1, 3)
"""Types of a 16-bit TSS (SDM 3A, table 3-2)."""
_MONITORS: Final = (vmcb.EXIT_MONITOR, vmcb.EXIT_MWAIT)
_GP: Final = vmcb.EXIT_EXCEPTION + 13
_INVD_OPCODE: Final = 0x08


def read_exit(exit_: Exit, registers: Context, code: CodeReader, devices: Devices) -> Asked:
    """What a CPU wants, whose registers are as the exit left them. `devices`: those that it
    reaches by plain loads and stores."""
    if exit_.kind is ExitKind.INTERCEPT:
        if exit_.code in _PLAIN:
            return _plain(exit_.code, code.next(registers), registers)
        return _intercept(exit_, registers, code, devices)
    match exit_.kind:
        case ExitKind.PORT_IN | ExitKind.PORT_OUT:
            return port_access(exit_, registers, code)
        case ExitKind.SYSCALL:
            size = disasm.length(code.next(registers), registers.coding)
            return ask.Syscall(size, syscall.enabled(registers))
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
        return ask.NestedFault(0, exit_.error, exit_.info, exit_.gla)
    if number == _UD:
        return _undefined(code.next(registers), registers)
    if vmcb.EXIT_EXCEPTION <= number < vmcb.EXIT_EXCEPTION + 32:
        # The emulator knows no extension of MWAIT, whatever CPUID says.
        if number == _GP and (found := _monitor(code.next(registers), registers)) is not None:
            return found
        return _exception(number - vmcb.EXIT_EXCEPTION, exit_)
    if number == vmcb.EXIT_SHUTDOWN:
        return ask.ShutDown(0)
    if number in (vmcb.EXIT_READ_CR8, vmcb.EXIT_WRITE_CR8):
        return _task_priority(number, code.next(registers), registers)
    if number == vmcb.EXIT_SWINT:
        return _interrupt(code.next(registers), registers)
    if number == vmcb.EXIT_MSR:
        return _msr(code.next(registers), registers)
    if number in CONTROL_WRITES:
        return _control_write(number, code.next(registers), registers)
    if number == vmcb.EXIT_RDPMC:
        size = disasm.length(code.next(registers), registers.coding)
        return ask.Rdpmc(size, registers.get("rcx") & _U32)
    if number in _MONITORS:
        found = _monitor(code.next(registers), registers)
        return ask.NotOffered(0, f"svm {number:#x}") if found is None else found
    return ask.NotOffered(0, f"svm {number:#x}")


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
    size = len(usual) if plain else disasm.length(code, registers.coding)
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
    # The emulator calls both WBINVD; prefixes aside, the second byte of the opcode tells.
    return ask.CacheFlush(size, "invd" if code[size - 1] == _INVD_OPCODE else "wbinvd")


def _monitor(code: bytes, registers: Context) -> Asked | None:
    """MONITOR or MWAIT, if the code is one."""
    opcode, _ = _opcode(code, registers)
    return read_monitor(opcode, code[: len(code) - len(opcode)], registers)


def _msr(code: bytes, registers: Context) -> Asked:
    """Which of the two it is, EXITINFO1 tells (APM 2, 15.11): the emulator leaves it where
    it has error codes."""
    get = registers.get
    msr = get("rcx") & _U32
    writes = registers.error_code == 1
    usual = code.startswith(_WRMSR if writes else _RDMSR)
    size = 2 if usual else disasm.length(code, registers.coding)
    value = (get("rdx") & _U32) << 32 | get("rax") & _U32
    if writes and msr == vmcb.EFER:
        return _control(size, "efer", value, registers)
    return ask.Wrmsr(size, msr, value) if writes else ask.Rdmsr(size, msr)


def writes_efer(registers: Context) -> bool:
    """Whether the MSR exit that left these registers is a write to EFER."""
    return registers.get("rcx") & _U32 == vmcb.EFER and registers.error_code == 1


def _control_write(number: int, code: bytes, registers: Context) -> ask.ControlWrite:
    """MOV to a control register; CLTS and LMSW as if they wrote CR0 as it is."""
    register = CONTROL_WRITES[number]
    opcode, rex = _opcode(code, registers)
    if not opcode.startswith(_MOVE_TO_CONTROL):
        size = disasm.length(code, registers.coding)
        return _control(size, register, registers.get("cr0"), registers)
    general = opcode[2] & 7 | (rex & 1) << 3
    value = registers.get(ENCODED[general])
    value = value if registers.mode == "long" else value & _U32
    return _control(len(code) - len(opcode) + 3, register, value, registers, general)


def _control(
    size: int, register: ControlRegister, value: int, registers: Context, general: int = 0
) -> ask.ControlWrite:
    """With what such a write depends on beside the control registers themselves."""
    code_long = bool(registers.segment("cs").attributes & 0x200)
    narrow = registers.segment("tr").attributes & 0xF in _NARROW_TASKS
    return ask.ControlWrite(size, register, value, code_long, narrow, general)


def _task_priority(number: int, code: bytes, registers: Context) -> Asked:
    """MOV from or to CR8."""
    opcode, rex = _opcode(code, registers)
    if _LOCK in code[: len(code) - len(opcode)]:
        return ask.Undefined(0, "lock mov")  # AMD's other form of it
    name, size = ENCODED[opcode[2] & 7 | (rex & 1) << 3], len(code) - len(opcode) + 3
    if number == vmcb.EXIT_READ_CR8:
        return ask.ReadTaskPriority(size, name)
    return ask.WriteTaskPriority(size, registers.get(name))


def _undefined(code: bytes, registers: Context) -> Asked:
    """#UD: the calls to host and TDX module arrive this way, and so does a real one."""
    get = registers.get
    if code.startswith(_TDCALL):
        operands = tuple(map(get, ask.OPERANDS))
        return ask.Tdcall(4, get("rax"), get("r10"), get("r11"), operands)
    sev = _SEV.get(code[:4])
    if sev is not None:
        return ask.SevInstruction(4, sev, get("rax"), get("rcx") & _U32, get("rdx"))
    mnemonic = _VMCALLS.get(code[:3])
    if mnemonic is not None:
        return ask.Vmcall(3, get("rcx"), mnemonic, get("rdx"), get("r8"))
    random = _random(code, registers)
    if random is not None:
        return random
    found = disasm.decode(code, registers.rip, registers.coding)
    return ask.Undefined(0, "no valid instruction" if found is None else found.mnemonic)


def _random(code: bytes, registers: Context) -> ask.RandomNumber | None:
    """RDRAND or RDSEED of a register (SDM 2B: 0F C7 /6 and /7)."""
    opcode, rex = _opcode(code, registers)
    prefixes = code[: len(code) - len(opcode)]
    if not opcode.startswith(_RANDOM) or any(one in _NO_RANDOM for one in prefixes):
        return None
    kind = _RANDOM_KINDS.get(opcode[2] >> 3 & 7)
    if kind is None or opcode[2] < 0xC0:
        return None
    narrow = (_OPERAND_SIZE in prefixes) != (registers.mode == "real")
    bits = 64 if rex & 8 else 16 if narrow else 32
    into = ENCODED[opcode[2] & 7 | (rex & 1) << 3]
    return ask.RandomNumber(len(prefixes) + 3, kind, bits, into)


def _opcode(code: bytes, registers: Context) -> tuple[bytes, int]:
    """The code behind its prefixes, and the REX prefix (0: there is none)."""
    rest = code.lstrip(_PREFIXES)
    if registers.mode == "long" and rest and rest[0] & 0xF0 == _REX:
        return rest[1:], rest[0]
    return rest, 0


def _interrupt(code: bytes, registers: Context) -> ask.SoftInterrupt:
    """INT n and INT3."""
    vector = 3 if code[0] == _INT3 else code[1]
    return ask.SoftInterrupt(disasm.length(code, registers.coding), vector)
