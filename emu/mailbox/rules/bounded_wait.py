"""Waits for another CPU end."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Waited
from emu.mailbox.rule import Broken, Rule


def _look(seen: Waited, course: Course) -> Iterator[Broken]:
    if seen.bounded or not seen.on:
        return
    firmware = course.is_firmware(seen.cpu) or seen.address in course.aps.homes
    if seen.on == "mailbox" and seen.cpu and firmware:
        return  # an AP waits for its wake-up as long as it takes
    if seen.on == "record":
        yield Broken("waits for an AP to arrive without looking at a clock")
    elif course.is_td:
        # Here the other way is the dangerous one: see `withdrawn`.
        yield Broken(
            "waits for an ack without looking at a clock: safe from a host that lets the CPU "
            "come late, and silent for ever if it never does", severity="hint",
        )  # fmt: skip
    else:
        yield Broken("waits for an ack without looking at a clock")


RULE = Rule(
    name="bounded-wait",
    says="Whoever waits for another CPU gives up at some time, and says so.",
    source=(
        "edk2 #13164; against it for the ack on TDX: Linux, "
        "arch/x86/kernel/acpi/madt_wakeup.c, acpi_wakeup_cpu"
    ),
    follows=(
        "One CPU that never comes hangs the boot silently. Giving up has its own risk: on TDX "
        "the host may wake the CPU later, so what it comes to must be ready for that."
    ),
    look_at="The loop: what it reads, and whether it ever reads a clock.",
    sees=(Waited,),
    look=_look,
    severity="warning",
)
