"""What the host tells a guest that serves hot-plug: which CPU, and that something happens."""

from emu.hw.cpu import Cpu
from emu.machine import ipi
from emu.machine.event import HotPlug
from emu.machine.machine import Machine
from emu.vmm.devices import hotplug


def tell(machine: Machine, cpu: Cpu, bits: int) -> None:
    """The flags of a CPU are these from now on, and who asked for notices is interrupted."""
    vmm = machine.board.vmm
    effect = hotplug.with_flags(cpu.id, bits)
    vmm.devices[effect.device, effect.register] = effect.value
    asked = hotplug.notified(vmm)
    assert asked is not None, "only a guest that asked for notices is told"
    who, vector = asked
    told = HotPlug(cpu.id, "asked") if bits & hotplug.REMOVE else None
    machine.board.event(machine.board.cpus[who], "state", f"is told of cpu {cpu.id}", told)
    ipi.interrupt_cpu(machine, cpu, machine.board.cpus[who], vector)
