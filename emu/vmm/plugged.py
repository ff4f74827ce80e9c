"""Which CPUs are there, and what the host has said of each: what QEMU's registers show.

Source: QEMU, docs/specs/acpi_cpu_hotplug.rst.
"""

from typing import Final

from emu.vmm.effects import SetDevice
from emu.vmm.state import VmmState

NAME: Final = "hotplug"
"""The device of those registers (`emu.vmm.devices.hotplug`)."""
_FLAGS: Final = 0x100
"""Among what the VMM keeps of it, by number: the flags of CPU 0."""
INSERTED, REMOVE = 2, 4
"""Flags: bits of the status register."""
EJECTED: Final = 1 << 8
"""The CPU is out. Without it, it is enabled."""
ABSENT: Final = 1 << 9
"""Beside EJECTED: it was never there."""


def flags(vmm: VmmState, cpu: int) -> int:
    """What is the matter with a CPU: INSERTED, REMOVE, EJECTED, ABSENT."""
    return vmm.devices.get((NAME, _FLAGS + cpu), 0)


def with_flags(cpu: int, value: int) -> SetDevice:
    """The flags of a CPU are these."""
    return SetDevice(NAME, _FLAGS + cpu, value)


def put_flags(vmm: VmmState, cpu: int, value: int) -> None:
    """The same, at once: the host's own doing."""
    vmm.devices[NAME, _FLAGS + cpu] = value


def is_out(vmm: VmmState, cpu: int) -> bool:
    """Whether a CPU is not there: nothing that is sent to it arrives, and nobody starts it."""
    return bool(flags(vmm, cpu) & EJECTED)


def never_there(vmm: VmmState, cpu: int) -> bool:
    """Whether a CPU is possible, and has not been plugged in yet."""
    return bool(flags(vmm, cpu) & ABSENT)
