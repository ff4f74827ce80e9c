"""A CPU with a wrong APIC id: its CPUID and x2APIC registers, and the host's own list of VPs,
say another one than firmware and OS were told."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import APIC_ID, CPU


def _carry_out(given: Given) -> None:
    given.machine.board.vmm.vps[given.cpu.id].apic_id = given.number("ID")


KIND = InjectionKind(
    "apic-id", "the CPU has another APIC id", (CPU, APIC_ID), _carry_out, "2 0x77"
)
