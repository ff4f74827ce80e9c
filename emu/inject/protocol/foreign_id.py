"""A wake-up for an APIC id that no CPU has."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import APIC_ID, CPU
from emu.inject.protocol.hand import os_cpu, store


def _carry_out(given: Given) -> None:
    store(given.machine, os_cpu(given), "apic_id", given.number("ID"))


KIND = InjectionKind(
    "foreign-id", "the OS wakes APIC id ID where it means the CPU", (CPU, APIC_ID), _carry_out,
    "2 0x99", when="mailbox apic_id={APIC}", group="protocol",
)  # fmt: skip
