"""QEMU's ports for programs that are loaded without firmware: fw_cfg, and the debug exit.

Source: QEMU, docs/specs/fw_cfg.rst and include/standard-headers/linux/qemu_fw_cfg.h (ports,
selectors); hw/misc/debugexit.c (exit code).
"""

from typing import Final

from emu.vmm.devices.device import Device, deaf, silent
from emu.vmm.effects import Effects, PowerOff, SetDevice
from emu.vmm.plugged import is_out
from emu.vmm.state import Caller

_SELECTOR, _OFFSET = 0, 1
_SIGNATURE, _ID, _CPUS, _MAX_CPUS = 0x00, 0x01, 0x05, 0x0F
EXIT: Final = ("debug-exit", 0)
"""Where the VMM keeps the exit code that the guest has asked for."""


def _item(caller: Caller, selector: int) -> bytes:
    """What lies behind a selector; of most there is nothing."""
    possible = range(len(caller.vmm.vps))
    there = sum(not is_out(caller.vmm, cpu) for cpu in possible)
    return {
        _SIGNATURE: b"QEMU", _ID: (1).to_bytes(4, "little"),
        _CPUS: there.to_bytes(2, "little"), _MAX_CPUS: len(possible).to_bytes(2, "little"),
    }.get(selector, b"")  # fmt: skip


def _read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    """The next byte of the item; zero behind its end."""
    if offset != 1:
        return silent(caller, offset, width)
    state = caller.vmm.devices
    data = _item(caller, state.get(("fw_cfg", _SELECTOR), 0))
    at = state.get(("fw_cfg", _OFFSET), 0)
    value = data[at] if at < len(data) else 0
    return value, (SetDevice("fw_cfg", _OFFSET, at + 1),)


def _select(caller: Caller, offset: int, width: int, value: int) -> Effects:
    if width != 2:
        return deaf(caller, offset, width, value)
    return SetDevice("fw_cfg", _SELECTOR, value), SetDevice("fw_cfg", _OFFSET, 0)


def _exit(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return SetDevice(*EXIT, value << 1 | 1), PowerOff()


FW_CFG: Final = Device("fw_cfg", _read, _select, range(0x510, 0x512), widths=(2, 1))
DEBUG_EXIT: Final = Device("debug exit", silent, _exit, range(0xF4, 0xF8), widths=(1, 2, 4))
