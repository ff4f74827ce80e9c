"""Hot-plug: a CPU that was unplugged, or that was never there, is there, and a guest that
listens is told."""

from emu.errors import CommandError
from emu.inject.cpu import gone
from emu.inject.cpu.notice import tell
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.machine import apply
from emu.vmm import plugged


def _carry_out(given: Given) -> None:
    machine, cpu = given.machine, given.cpu
    if gone.is_gone(machine, cpu):
        gone.put_back(machine, cpu)
        return
    flags = plugged.flags(machine.board.vmm, cpu.id)
    if not flags & plugged.EJECTED:
        asked = ": the guest was asked for it and has not ejected it yet"
        raise CommandError(
            f"inject plug: cpu {cpu.id} is there{asked if flags & plugged.REMOVE else ''}"
        )
    apply.plug(machine, cpu)
    tell(machine, cpu, plugged.INSERTED)


KIND = InjectionKind(
    "plug", "a CPU that is out or was never there comes, and a guest that listens is told",
    (CPU,), _carry_out, "3 at tick 9_000", behind="unplug 3",
)  # fmt: skip
