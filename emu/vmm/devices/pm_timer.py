"""The power management timer of ACPI: a counter at one port, by virtual time.

Source: ACPI 6.6, 4.8.3.3 (3.579545 MHz; 32 bits with TMR_VAL_EXT in the FADT, else 24). Its
port is that of Cloud Hypervisor, which has one beside hardware-reduced ACPI, too
(vmm/src/acpi.rs, create_facp_table): Linux uses it, though 5.2.9 has an OS ignore it there.
"""

from typing import Final

from emu.vmm.clock import NS_PER_SECOND
from emu.vmm.devices.device import Device, deaf
from emu.vmm.effects import Effects
from emu.vmm.state import Caller

HZ: Final = 3_579_545
PORT: Final = 0xB008
BYTES: Final = 4
_BITS: Final = (1 << 8 * BYTES) - 1


def _read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    return caller.nanoseconds * HZ // NS_PER_SECOND & _BITS, ()


PM_TIMER: Final = Device("pm_timer", _read, deaf, range(PORT, PORT + BYTES), widths=(BYTES,))
