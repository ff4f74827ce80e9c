"""Two 8259A interrupt controllers: enough to be set up, masked and read. Nothing asks them.

Source: Intel 8259A data sheet (231468): ICW1 to ICW4, OCW1 to OCW3. A machine with Hyper-V's
leaves has none, as a generation 2 machine has none.
"""

from typing import Final

from emu.vmm.devices.device import Device, silent
from emu.vmm.effects import Effects, SetDevice
from emu.vmm.state import Caller

_COMMAND, _DATA = 0, 1
_MASK, _LEFT = 0, 1
"""What is kept: the mask, and how many words of the set-up are still to come."""
_ICW1, _NEEDS_ICW4, _SINGLE = 0x10, 0x01, 0x02
_NOTHING: Final = 0
"""Interrupts that are requested, or in service."""


def pic(name: str, base: int) -> Device:
    """The one whose two ports begin at `base`."""

    def read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
        if caller.platform.hyperv:
            return silent(caller, offset, width)
        mask = caller.vmm.devices.get((name, _MASK), 0xFF)
        return (mask if offset == _DATA else _NOTHING), ()

    def write(caller: Caller, offset: int, width: int, value: int) -> Effects:
        if caller.platform.hyperv:
            return ()
        left = caller.vmm.devices.get((name, _LEFT), 0)
        if offset == _COMMAND:
            return _begun(name, value) if value & _ICW1 else ()
        if left:
            return (SetDevice(name, _LEFT, left - 1),)
        return (SetDevice(name, _MASK, value),)

    return Device(
        name, read, write, range(base, base + 2), registers=("command", "interrupt mask")
    )


def _begun(name: str, value: int) -> Effects:
    """ICW1 clears the mask; ICW2 follows, ICW3 unless it is alone, ICW4 if it says so."""
    words = 1 + (not value & _SINGLE) + (value & _NEEDS_ICW4)
    return SetDevice(name, _MASK, 0), SetDevice(name, _LEFT, words)


PIC1: Final = pic("pic1", 0x20)
PIC2: Final = pic("pic2", 0xA0)
