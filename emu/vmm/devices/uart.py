"""An 8250 UART whose line leads out of the machine; nothing ever comes in."""

from typing import Final

from emu.vmm.devices.device import Device
from emu.vmm.effects import Effects, SerialOut, SetPort
from emu.vmm.state import Caller

_UART_PORTS: Final = 8
_DATA, _IER, _FCR, _LCR, _MCR, _LSR, _MSR = range(7)
UART_REGISTERS: Final = (
    "data", "interrupts", "FIFO", "line control", "modem control", "line status",
    "modem status", "scratch",
)  # fmt: skip
"""By offset (National PC16550D, table II)."""
_DLAB: Final = 0x80
_LOOPBACK: Final = 0x10
_BANK: Final = 1 << 16
_LINE_READY: Final = 0x60  # THRE and TEMT: the transmitter never makes anyone wait
_MODEM_READY: Final = 0xB0  # CTS, DSR and DCD
_NO_INTERRUPT: Final = 0x01
_FIFO_ON: Final = 0xC0
_IMPLEMENTED: Final = {_IER: 0x0F, _MCR: 0x1F}
"""Register bits that exist; the rest reads as zero (National PC16550D)."""


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


def uart(name: str, base: int) -> Device:
    """The UART whose eight ports begin at `base`."""

    def read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
        return _uart_in(caller, base, offset), ()

    def write(caller: Caller, offset: int, width: int, value: int) -> Effects:
        return _uart_out(caller, base, offset, value)

    return Device(name, read, write, range(base, base + _UART_PORTS), registers=UART_REGISTERS)


COM1: Final = uart("com1", 0x3F8)
COM3: Final = uart("com3", 0x3E8)
