"""Hot-unplug: a guest that serves hot-plug is asked to give the CPU back; from any other it is
taken, and the host refuses to start it: there is no such VP."""

from emu.errors import CommandError
from emu.inject.cpu.gone import take
from emu.inject.cpu.notice import tell
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.vmm.devices import hotplug


def _carry_out(given: Given) -> None:
    machine, cpu = given.machine, given.cpu
    vmm = machine.board.vmm
    if hotplug.notified(vmm) is None:
        take(machine, cpu, "is unplugged", denied=True)
        return
    flags = hotplug.flags(vmm, cpu.id)
    if flags & hotplug.EJECTED:
        raise CommandError(f"inject unplug: cpu {cpu.id} is out already")
    tell(machine, cpu, flags | hotplug.REMOVE)


KIND = InjectionKind(
    "unplug", "the CPU is asked for, or taken from a guest that knows no hot-plug", (CPU,),
    _carry_out, "3",
)  # fmt: skip
