"""What a device is: where it answers, and its decisions, which change nothing by themselves."""

from collections.abc import Callable

from msgspec import Struct

from emu.vmm.effects import Effects
from emu.vmm.state import Caller

ReadDevice = Callable[[Caller, int, int], tuple[int, Effects]]
"""(caller, offset, bytes) to the value, and what else reading does."""
WriteDevice = Callable[[Caller, int, int, int], Effects]
"""(caller, offset, bytes, value) to what writing does."""


class Window(Struct, frozen=True):
    """Guest-physical addresses, without memory behind them, at which a device answers."""

    gpa: int
    size: int


class Device(Struct, frozen=True):
    """One device. Its state is the VMM's: ports latched by `SetPort`, registers by
    `SetDevice`. Effects neither complete the instruction nor price it."""

    name: str
    read: ReadDevice
    write: WriteDevice
    ports: range = range(0)
    """Offsets count from its first one."""
    windows: tuple[Window, ...] = ()
    """Offsets count from the first byte of each."""
    widths: tuple[int, ...] = (1,)
    """Accesses to ports that it takes whole; others come byte by byte, if 1 is one of these."""
    registers: tuple[str, ...] = ()
    """What the ports are called, by offset; empty: as the device."""


def deaf(caller: Caller, offset: int, width: int, value: int) -> Effects:
    """What is written is lost."""
    return ()


def silent(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    """Nobody drives the lines: all bits are one."""
    return (1 << 8 * width) - 1, ()
