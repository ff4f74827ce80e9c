"""A wake-up for an APIC id that no CPU has."""

from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.parameter import APIC_ID, CPU
from emu.debug.injections.protocol.hand import os_cpu, store


def _carry_out(given: Given) -> None:
    store(given.machine, os_cpu(given), "apic_id", given.number("ID"))


KIND = Kind(
    "foreign-id", "the OS wakes APIC id ID where it means the CPU", (CPU, APIC_ID), _carry_out,
    "2 0x99", when="mailbox apic_id={APIC}", group="protocol",
)  # fmt: skip
