"""A vector that is stored with 32 bits: its upper half is what lay there before."""

from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, VALUE
from emu.inject.protocol.hand import load, os_cpu, store, when_commanded
from emu.machine.machine import Machine

_LOW = (1 << 32) - 1


def _carry_out(given: Given) -> None:
    writer, upper = os_cpu(given), given.number("UPPER") << 32

    def cut(machine: Machine, _: Cpu | None) -> None:
        store(machine, writer, "vector", load(machine, "vector") & _LOW | upper)

    when_commanded(given.machine, cut)


KIND = InjectionKind(
    "vector32", "only 32 bits of the CPU's vector are stored, the others are UPPER",
    (CPU, VALUE.named("UPPER", "32 bits").or_else("0x5a")), _carry_out, "2",
    when="mailbox apic_id={APIC}", group="protocol",
)  # fmt: skip
