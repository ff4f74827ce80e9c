"""A SIPI that comes without INIT: a CPU of a virtual machine that has had none drops it (KVM
takes a SIPI in KVM_MP_STATE_INIT_RECEIVED alone; firecracker #5744)."""

from emu.errors import CommandError
from emu.inject.cpu.ipi import WrongIpi, lacks_ipis
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU


def _carry_out(given: Given) -> None:
    cpu, machine = given.cpu, given.machine
    if cpu.context is not None:
        raise CommandError(f"inject: cpu {cpu.id} has been started already")
    machine.board.turn(cpu, "off")
    machine.board.vmm.vps[cpu.id].wait_for_sipi = False
    machine.injected.twist(WrongIpi("init", cpu.id, "lost", 1), beside=True)


KIND = InjectionKind(
    "sipi-without-init", "the next INIT to the CPU is lost, and without one it drops SIPIs",
    (CPU,), _carry_out, "2", lacking=lacks_ipis,
)  # fmt: skip
