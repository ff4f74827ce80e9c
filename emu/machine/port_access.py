"""Reads an access to a port: one that has retired, or one that has still to be done, whose form
only its bytes tell."""

from typing import Final

from emu.boot import disasm
from emu.hw.context import Context
from emu.hw.exit import Exit, ExitKind
from emu.machine.code import CodeReader
from emu.vmm import asked as ask

_SEGMENTS: Final = {0x26: 0, 0x2E: 1, 0x36: 2, 0x3E: 3, 0x64: 4, 0x65: 5}
_REPEATED: Final = (0xF2, 0xF3)
_OPERAND_SIZE, _ADDRESS_SIZE = 0x66, 0x67
_REX: Final = range(0x40, 0x50)
_STRINGS: Final = range(0x6C, 0x70)
_IMMEDIATE: Final = range(0xE4, 0xE8)
_CS_32_BITS: Final = 1 << 10


def port_access(exit_: Exit, registers: Context, code: CodeReader) -> ask.PortIn | ask.PortOut:
    """What a CPU wants of a port."""
    size, form = 0, None
    if not exit_.done:
        data = code.next(registers)
        size, form = disasm.length(data, registers.coding), port_form(data, registers)
    if exit_.kind is ExitKind.PORT_IN:
        return ask.PortIn(size, exit_.code, exit_.error, form)
    return ask.PortOut(size, exit_.code, exit_.error, exit_.info, form)


def port_form(code: bytes, registers: Context) -> ask.PortForm:
    """The form of IN, OUT, INS or OUTS with any prefixes (SDM 2, 2.1.1)."""
    repeated, segment, other_size, at = False, 3, False, 0
    long = registers.mode == "long"
    while True:
        byte = code[at]
        if byte in _REPEATED:
            repeated = True
        elif byte in _SEGMENTS:
            segment = _SEGMENTS[byte]
        elif byte == _ADDRESS_SIZE:
            other_size = True
        elif byte != _OPERAND_SIZE and not (long and byte in _REX):
            break
        at += 1
    return ask.PortForm(
        byte in _STRINGS, repeated, byte in _IMMEDIATE, _address_bytes(registers, other_size),
        segment,
    )  # fmt: skip


def _address_bytes(registers: Context, other: bool) -> int:
    if registers.mode == "long":
        return 4 if other else 8
    wide = bool(registers.segment("cs").attributes & _CS_32_BITS)
    return 4 if wide != other else 2
