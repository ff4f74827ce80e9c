"""What the host tells a guest that serves hot-plug: which CPU, and that something happens."""

from emu.hw.cpu import Cpu
from emu.machine import ipi
from emu.machine.event import HotPlug
from emu.machine.machine import Machine
from emu.vmm import plugged
from emu.vmm.devices import hotplug


def tell(machine: Machine, cpu: Cpu, bits: int) -> None:
    """The flags of a CPU are these from now on; whoever asked for notices is interrupted."""
    vmm = machine.board.vmm
    plugged.put_flags(vmm, cpu.id, bits)
    asked = hotplug.notified(vmm)
    if asked is None:
        return
    who, vector = asked
    told = HotPlug(cpu.id, "asked") if bits & plugged.REMOVE else None
    machine.board.event(machine.board.cpus[who], "state", f"is told of cpu {cpu.id}", told)
    ipi.interrupt_cpu(machine, cpu, machine.board.cpus[who], vector)
