"""Hot-unplug: a guest that serves hot-plug is asked to give the CPU back; from any other it is
taken, and the host refuses to start it: there is no such VP."""

from emu.errors import CommandError
from emu.inject.cpu.gone import is_gone, take
from emu.inject.cpu.notice import tell
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.vmm import plugged
from emu.vmm.devices import hotplug


def _carry_out(given: Given) -> None:
    machine, cpu = given.machine, given.cpu
    vmm = machine.board.vmm
    flags = plugged.flags(vmm, cpu.id)
    if not cpu.id:
        raise CommandError("inject unplug: cpu 0 boots the machine, and no host takes it")
    if flags & plugged.ABSENT:
        raise CommandError(f"inject unplug: cpu {cpu.id} was never there")
    if flags & plugged.EJECTED or is_gone(machine, cpu):
        raise CommandError(f"inject unplug: cpu {cpu.id} is out already")
    if hotplug.notified(vmm) is None:
        take(machine, cpu, "is unplugged", denied=True)
        return
    tell(machine, cpu, flags | plugged.REMOVE)


KIND = InjectionKind(
    "unplug", "the CPU is asked for, or taken from a guest that knows no hot-plug", (CPU,),
    _carry_out, "3",
)  # fmt: skip
