"""Each CPU has an APIC id of its own."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Shared
from emu.mailbox.rule import Broken, Rule


def _look(seen: Shared, _: Course) -> Iterator[Broken]:
    if seen.what == "APIC id":
        yield Broken(f"is told the APIC id {seen.value}, as cpu {seen.other} was")


RULE = Rule(
    name="id-shared",
    says=("No two CPUs are told one APIC id, by whatever they ask for it."),
    source="cloud-hypervisor #5475; SDM 3, 10.4.6 and 10.12.5.1",
    follows=("Both answer to one wake-up, or take one stack."),
    look_at=("What the host says to CPUID 1, 0xB and 0x1F and to MSR 0x802, for each CPU."),
    sees=(Shared,),
    look=_look,
)
