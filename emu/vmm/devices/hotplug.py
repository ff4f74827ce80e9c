"""CPUs that come and go: QEMU's block of registers at port 0xCD8, and whom a notice goes to.

Source: QEMU, docs/specs/acpi_cpu_hotplug.rst (the modern block, at ICH9's address). A notice is
an interrupt: of a TD by the vector that it names itself (GHCI 1.5, 3.5); elsewhere it would be
the SCI, but there is no I/O APIC here, so the guest writes a vector to offset 6, which QEMU's
block reserves.
"""

from typing import Final

from emu.vmm.devices.device import Device
from emu.vmm.effects import Effect, Effects, EjectCpu, SetDevice
from emu.vmm.plugged import EJECTED, INSERTED, NAME, REMOVE, flags, with_flags
from emu.vmm.state import Caller, VmmState

_SELECTOR, _COMMAND, _VECTOR, _NOTIFIED = range(4)
"""What the VMM keeps of the block and of the notice, by number; the flags of CPUs are above."""
_STATUS_AT, _COMMAND_AT, _VECTOR_AT, _DATA_AT = 4, 5, 6, 8
ENABLED, EJECT = 1, 8
"""Bits of the status and of the control register, besides the flags."""
_NEXT_EVENT, _APIC_ID = 0, 3
"""Commands."""
LOWEST_NOTICE: Final = 32
"""Vectors below are exceptions'."""


def notified(vmm: VmmState) -> tuple[int, int] | None:
    """(CPU, vector) that a notice goes to; None as long as nobody has asked for any."""
    vector = vmm.devices.get((NAME, _VECTOR), 0)
    return (vmm.devices[NAME, _NOTIFIED], vector) if vector else None


def ask_for_notices(cpu: int, vector: int) -> Effects:
    """From now on notices interrupt this CPU."""
    return SetDevice(NAME, _VECTOR, vector), SetDevice(NAME, _NOTIFIED, cpu)


def _selected(caller: Caller) -> int | None:
    """The CPU that the selector names; None where there is none, and then nothing answers."""
    cpu = caller.vmm.devices.get((NAME, _SELECTOR), 0)
    return cpu if cpu < len(caller.vmm.vps) else None


def _status(vmm: VmmState, cpu: int) -> int:
    mine = flags(vmm, cpu)
    return mine & (INSERTED | REMOVE) | (0 if mine & EJECTED else ENABLED)


def _data(caller: Caller, cpu: int) -> int:
    command = caller.vmm.devices.get((NAME, _COMMAND), 0)
    return {_NEXT_EVENT: cpu, _APIC_ID: caller.vmm.vps[cpu].apic_id}.get(command, 0)


def _read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    """Status is a byte, data a double word; what is reserved reads as zero."""
    cpu = _selected(caller)
    if cpu is None:
        return 0, ()
    if (offset, width) == (_STATUS_AT, 1):
        return _status(caller.vmm, cpu), ()
    if (offset, width) == (_DATA_AT, 4):
        return _data(caller, cpu), ()
    return 0, ()


def _command(caller: Caller, selected: int, command: int) -> Effects:
    """The first CPU behind the selected one, round to it, that something is the matter with, is
    selected."""
    effects: list[Effect] = [SetDevice(NAME, _COMMAND, command)]
    if command == _NEXT_EVENT:
        count = len(caller.vmm.vps)
        round_ = (cpu % count for cpu in range(selected, selected + count))
        found = (one for one in round_ if flags(caller.vmm, one) & (INSERTED | REMOVE))
        effects += [SetDevice(NAME, _SELECTOR, cpu) for cpu in [next(found, None)] if cpu]
    return tuple(effects)


def _control(caller: Caller, cpu: int, value: int) -> Effects:
    mine = flags(caller.vmm, cpu)
    mine &= ~(value & (INSERTED | REMOVE))
    if not value & EJECT or mine & EJECTED:
        return (with_flags(cpu, mine),)
    return with_flags(cpu, mine & ~REMOVE | EJECTED), EjectCpu(cpu)


def _write(caller: Caller, offset: int, width: int, value: int) -> Effects:
    if (offset, width) == (0, 4):
        return (SetDevice(NAME, _SELECTOR, value),)
    if (offset, width) == (_VECTOR_AT, 1):
        return ask_for_notices(caller.cpu, value) if value >= LOWEST_NOTICE else ()
    cpu = _selected(caller)
    if cpu is None or width != 1:
        return ()
    if offset == _COMMAND_AT:
        return _command(caller, cpu, value)
    return _control(caller, cpu, value) if offset == _STATUS_AT else ()


HOTPLUG: Final = Device(
    NAME, _read, _write, range(0xCD8, 0xCE4), widths=(1, 4),
    registers=(
        *("selector",) * 4, "status", "command", "notice", "reserved", *("data",) * 4,
    ),
)  # fmt: skip
