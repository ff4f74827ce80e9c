"""A vector that is stored with 32 bits: its upper half is what lay there before."""

from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, VALUE
from emu.inject.protocol.hand import load, os_cpu, store, when_commanded
from emu.machine.machine import Machine, MachineDeed

_LOW = (1 << 32) - 1


class Cut(MachineDeed, frozen=True):
    """The upper half of the vector is lost."""

    writer: int
    upper: int

    def happen(self, machine: Machine, met_by: Cpu | None) -> None:
        """The lower half is what the OS stored."""
        vector = load(machine, "vector") & _LOW | self.upper
        store(machine, machine.board.cpus[self.writer], "vector", vector)


def _carry_out(given: Given) -> None:
    when_commanded(given.machine, Cut(os_cpu(given).id, given.number("UPPER") << 32))


KIND = InjectionKind(
    "vector32", "only 32 bits of the CPU's vector are stored, the others are UPPER",
    (CPU, VALUE.named("UPPER", "32 bits").or_else("0x5a")), _carry_out, "2",
    when="mailbox apic_id={APIC}", group="protocol",
)  # fmt: skip
