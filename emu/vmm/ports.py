"""What answers at the I/O ports: two 8250 UARTs, the POST port and the power switch."""

from typing import Final

from emu.vmm.effects import Effect, Effects, Note, PowerOff, SerialOut, SetPort
from emu.vmm.state import Caller

COM1: Final = 0x3F8
COM3: Final = 0x3E8
POST: Final = 0x80
POWER: Final = 0x604
"""The ACPI PM1a control block as QEMU's q35 places it."""
SLEEP_ENABLE: Final = 1 << 13
"""PM1 control bit SLP_EN (ACPI 6.5, 4.8.3.2.1); every sleep type is taken as S5."""

_UART_PORTS: Final = 8
_DATA, _IER, _FCR, _LCR, _MCR, _LSR, _MSR = range(7)
_DLAB: Final = 0x80
_LOOPBACK: Final = 0x10
_BANK: Final = 1 << 16
_LINE_READY: Final = 0x60  # THRE and TEMT: the transmitter never makes anyone wait
_MODEM_READY: Final = 0xB0  # CTS, DSR and DCD
_NO_INTERRUPT: Final = 0x01
_FIFO_ON: Final = 0xC0
_IMPLEMENTED: Final = {_IER: 0x0F, _MCR: 0x1F}
"""Register bits that exist; the rest reads as zero (National PC16550D)."""


def _uart(port: int) -> int | None:
    """The base of the UART that a port belongs to."""
    for base in (COM1, COM3):
        if base <= port < base + _UART_PORTS:
            return base
    return None


def _latched(caller: Caller, base: int, register: int) -> tuple[int, int]:
    """The key of a UART register under the DLAB in force, and its value."""
    banked = register <= _IER and caller.vmm.ports.get(base + _LCR, 0) & _DLAB
    key = base + register + (_BANK if banked else 0)
    return key, caller.vmm.ports.get(key, 0)


def _uart_in(caller: Caller, base: int, register: int) -> int:
    key, value = _latched(caller, base, register)
    if register == _DATA and not key & _BANK:
        return 0  # nothing is ever received
    if register == _FCR:
        return _NO_INTERRUPT | (_FIFO_ON if value & 1 else 0)
    if register == _LSR:
        return _LINE_READY
    return _MODEM_READY if register == _MSR else value


def _uart_out(caller: Caller, base: int, register: int, byte: int) -> Effects:
    key, _ = _latched(caller, base, register)
    if register == _DATA and not key & _BANK:
        looped = caller.vmm.ports.get(base + _MCR, 0) & _LOOPBACK
        return () if looped else (SerialOut(base, byte),)
    if register in (_LSR, _MSR):
        return ()
    mask = 0xFF if key & _BANK else _IMPLEMENTED.get(register, 0xFF)
    return (SetPort(key, byte & mask),)


def port_in(caller: Caller, port: int, size: int) -> tuple[int, Effects]:
    """The value that IN of `size` bytes (1, 2, 4) gives, and what else happens.

    A wider access reads consecutive ports; where nothing answers, all bits are one. The
    effects neither complete the instruction nor price it: that is for whoever executes IN."""
    value = 0
    for index in range(size):
        base = _uart(port + index)
        byte = 0xFF if base is None else _uart_in(caller, base, port + index - base)
        value |= byte << (8 * index)
    return value, ()


def port_out(caller: Caller, port: int, size: int, value: int) -> Effects:
    """What OUT of `size` bytes (1, 2, 4) does; a wider access writes consecutive ports.

    As with `port_in`, completing the instruction and its price are left to the caller."""
    effects: list[Effect] = []
    if port == POWER and size == 2 and value & SLEEP_ENABLE:
        effects.append(PowerOff())
    if port == POST:
        effects.append(Note(f"POST code {value & 0xFF:#04x}"))
    for index in range(size):
        base = _uart(port + index)
        if base is not None:
            byte = value >> (8 * index) & 0xFF
            effects += _uart_out(caller, base, port + index - base, byte)
    return tuple(effects)
