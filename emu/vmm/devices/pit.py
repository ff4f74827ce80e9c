"""The 8254 timer and port 0x61, by virtual time: it counts and is read, and interrupts nobody.

Source: Intel 8254 data sheet (231164): control word, read-back command, modes 0, 2 and 3; port
0x61 as in an IBM PC/AT (gate and output of channel 2). The other modes count as mode 0. While
the gate of channel 2 is low its counter stands, and begins anew when it rises. A machine with
Hyper-V's leaves has none, as a generation 2 machine has none.
"""

from typing import Final

from emu.vmm.devices.device import Device, silent
from emu.vmm.effects import Effects, SetDevice
from emu.vmm.state import Caller

HZ: Final = 1_193_182
_NAME: Final = "pit"
_RELOAD, _MODE, _ACCESS, _START, _LATCH, _SECOND, _LOW = range(7)
"""What is kept of a channel: the next byte of a read or write is the second one if `_SECOND`
has bit 0 or 1, and `_LOW` is the first one that was written."""
_APART: Final = 8
_GATE: Final = 100
"""Port 0x61 as it was written."""
_CONTROL: Final = 3
_BOTH: Final = 3
_READ_BACK: Final = 3
_LATCHED: Final = 1 << 16
_STATUS: Final = 1 << 17
_OUT2, _REFRESH = 0x20, 0x10
_REFRESH_NS: Final = 15_085
_NS: Final = 1_000_000_000


class _Channel:
    """One of the three, as the caller's clock has it."""

    def __init__(self, caller: Caller, number: int) -> None:
        self._caller, self._number = caller, number

    def get(self, slot: int) -> int:
        """What is kept in a slot."""
        return self._caller.vmm.devices.get((_NAME, self._number * _APART + slot), 0)

    def put(self, slot: int, value: int) -> SetDevice:
        """Keep something else."""
        return SetDevice(_NAME, self._number * _APART + slot, value)

    @property
    def _ticks(self) -> int:
        """Since it was loaded."""
        if self._number == 2 and not self._caller.vmm.devices.get((_NAME, _GATE), 0) & 1:
            return 0
        return (self._caller.nanoseconds - self.get(_START)) * HZ // _NS

    @property
    def _reload(self) -> int:
        return self.get(_RELOAD) or 0x1_0000

    @property
    def count(self) -> int:
        """What its counting element has."""
        ticks, reload = self._ticks, self._reload
        mode = self.get(_MODE)
        if mode == 2:
            return reload - ticks % reload & 0xFFFF
        if mode == 3:
            return reload - 2 * ticks % reload & 0xFFFE
        return reload - ticks & 0xFFFF

    @property
    def out(self) -> bool:
        """Its output."""
        ticks, reload = self._ticks, self._reload
        if self.get(_MODE) == 3:
            return ticks % reload < (reload + 1) // 2
        return self.get(_MODE) == 2 or ticks >= reload

    def read(self) -> tuple[int, Effects]:
        """The next byte."""
        latch, second = self.get(_LATCH), self.get(_SECOND)
        if latch & _STATUS:
            return latch & 0xFF, (self.put(_LATCH, 0),)
        value = latch & 0xFFFF if latch else self.count
        access = self.get(_ACCESS)
        if access != _BOTH:
            byte = value >> 8 if access == 2 else value
            return byte & 0xFF, (self.put(_LATCH, 0),)
        effects = (self.put(_SECOND, second ^ 1),)
        if second & 1:
            return value >> 8, (*effects, self.put(_LATCH, 0))
        return value & 0xFF, effects

    def write(self, value: int) -> Effects:
        """The next byte of what it counts down from; the last one starts it."""
        access, second = self.get(_ACCESS), self.get(_SECOND)
        if access == _BOTH and not second & 2:
            return self.put(_LOW, value), self.put(_SECOND, second | 2)
        low = self.get(_LOW) if access == _BOTH else 0
        whole = value if access == 1 else value << 8 | low
        return (
            self.put(_RELOAD, whole), self.put(_SECOND, second & ~2),
            self.put(_START, self._caller.nanoseconds),
        )  # fmt: skip

    def control(self, value: int) -> Effects:
        """A control word for it."""
        access = value >> 4 & 3
        if not access:
            return (self.put(_LATCH, _LATCHED | self.count),)
        mode = value >> 1 & 7
        return (
            self.put(_MODE, mode & 3 if mode > 5 else mode), self.put(_ACCESS, access),
            self.put(_SECOND, 0), self.put(_LATCH, 0),
            self.put(_START, self._caller.nanoseconds),
        )  # fmt: skip

    def read_back(self, value: int) -> Effects:
        """The read-back command: its status, or what it has."""
        if not value & 0x10:
            found = self.out << 7 | self.get(_ACCESS) << 4 | self.get(_MODE) << 1
            return (self.put(_LATCH, _STATUS | found),)
        return () if value & 0x20 else (self.put(_LATCH, _LATCHED | self.count),)


def _read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    if caller.platform.hyperv or offset == _CONTROL:
        return silent(caller, offset, width)
    return _Channel(caller, offset).read()


def _write(caller: Caller, offset: int, width: int, value: int) -> Effects:
    if caller.platform.hyperv:
        return ()
    if offset != _CONTROL:
        return _Channel(caller, offset).write(value)
    if value >> 6 != _READ_BACK:
        return _Channel(caller, value >> 6).control(value)
    chosen = (number for number in range(3) if value & 2 << number)
    return tuple(one for number in chosen for one in _Channel(caller, number).read_back(value))


def _read_gate(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    if caller.platform.hyperv:
        return silent(caller, offset, width)
    value = caller.vmm.devices.get((_NAME, _GATE), 0)
    value |= _OUT2 if _Channel(caller, 2).out else 0
    return value | (_REFRESH if caller.nanoseconds // _REFRESH_NS & 1 else 0), ()


def _write_gate(caller: Caller, offset: int, width: int, value: int) -> Effects:
    if caller.platform.hyperv:
        return ()
    rises = value & ~caller.vmm.devices.get((_NAME, _GATE), 0) & 1
    begins = (_Channel(caller, 2).put(_START, caller.nanoseconds),) if rises else ()
    return SetDevice(_NAME, _GATE, value & 3), *begins


PIT: Final = Device(
    _NAME, _read, _write, range(0x40, 0x44),
    registers=("channel 0", "channel 1", "channel 2", "control"),
)  # fmt: skip
SPEAKER: Final = Device("speaker", _read_gate, _write_gate, range(0x61, 0x62))
