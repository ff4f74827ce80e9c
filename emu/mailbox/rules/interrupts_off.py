"""An AP arrives with interrupts off, in long mode."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Arrived
from emu.mailbox.rule import Broken, Rule


def _look(seen: Arrived, _: Course) -> Iterator[Broken]:
    if seen.name != "vector" and "parked" not in seen.roles:
        return
    if seen.interrupts:
        yield Broken("interrupts are on (RFLAGS.IF = 1)")
    if seen.name == "vector" and seen.mode != "long":
        yield Broken(f"the wakeup vector is entered in {seen.mode} mode")


RULE = Rule(
    name="interrupts-off",
    says=(
        "At the wakeup vector interrupts are off and the CPU is in long mode, its selectors "
        "flat (not checked: in this mode only FS and GS have a base)."
    ),
    source="ACPI 6.6, 5.2.12.19",
    follows="An interrupt without an IDT is a triple fault.",
    look_at="Where IF was set since the CPU left its reset vector.",
    sees=(Arrived,),
    look=_look,
)
