"""All devices of a machine, found by port and by guest-physical address."""

from collections.abc import Iterable

from emu.vmm.devices.device import Device, Window
from emu.vmm.effects import Effect, Effects
from emu.vmm.state import Caller


class Devices:
    """A table that never changes."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self.all = tuple(devices)
        self._by_port = {port: one for one in self.all for port in one.ports}
        self._windows = tuple((window, one) for one in self.all for window in one.windows)

    def window_at(self, gpa: int, width: int = 1) -> tuple[Window, Device] | None:
        """The window that holds all bytes of an access, and its device."""
        for window, device in self._windows:
            if window.gpa <= gpa and gpa + width <= window.gpa + window.size:
                return window, device
        return None

    def read(self, caller: Caller, gpa: int, width: int) -> tuple[int, Effects] | None:
        """A load from a window; None where none holds it."""
        found = self.window_at(gpa, width)
        if found is None:
            return None
        window, device = found
        value, effects = device.read(caller, gpa - window.gpa, width)
        return value & (1 << 8 * width) - 1, effects

    def write(self, caller: Caller, gpa: int, width: int, value: int) -> Effects | None:
        """A store to a window; None where none holds it."""
        found = self.window_at(gpa, width)
        if found is None:
            return None
        window, device = found
        return device.write(caller, gpa - window.gpa, width, value)

    def at_port(self, port: int) -> tuple[Device, int] | None:
        """The device at a port, and the port's offset; None where there is none."""
        device = self._by_port.get(port)
        return None if device is None else (device, port - device.ports.start)

    def _whole(self, port: int, width: int) -> Device | None:
        """The device that takes an access of this width as it is."""
        device = self._by_port.get(port)
        if device is None or width not in device.widths or port + width > device.ports.stop:
            return None
        return device

    def port_in(self, caller: Caller, port: int, width: int) -> tuple[int, Effects]:
        """The value that IN of 1, 2 or 4 bytes gives, and what else happens. What no device
        takes whole reads consecutive ports; where nothing answers, all bits are one."""
        device = self._whole(port, width)
        if device is not None:
            return device.read(caller, port - device.ports.start, width)
        if width == 1:
            return 0xFF, ()
        value, effects = 0, list[Effect]()
        for index in range(width):
            byte, more = self.port_in(caller, port + index, 1)
            value |= byte << 8 * index
            effects += more
        return value, tuple(effects)

    def port_out(self, caller: Caller, port: int, width: int, value: int) -> Effects:
        """What OUT of 1, 2 or 4 bytes does; what no device takes whole writes consecutive
        ports."""
        device = self._whole(port, width)
        if device is not None:
            return device.write(caller, port - device.ports.start, width, value)
        if width == 1:
            return ()
        effects: list[Effect] = []
        for index in range(width):
            effects += self.port_out(caller, port + index, 1, value >> 8 * index & 0xFF)
        return tuple(effects)
