"""A Wakeup is not taken back."""

from collections.abc import Iterator

from emu.mailbox.ap import WAKEUP
from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    if seen.cpu is None:
        return
    gone = course.withdrawn(seen.cpu)
    if seen.ack is not None and seen.ack.leaves and course.is_firmware(seen.cpu):
        if gone is not None:
            yield Broken(
                f"cpu {seen.cpu} leaves for a Wakeup that cpu {gone.cpu} took back at tick "
                f"{gone.tick:,}", gone.cpu, (seen.cpu,),
            )  # fmt: skip
        return
    back = seen.before.command == WAKEUP and not seen.after.command
    named = course.addressed(seen.before)
    if course.is_td and back and seen.cpu not in named and not course.is_firmware(seen.cpu):
        yield Broken(
            f"took back the Wakeup for APIC id {seen.before.apic_id}: the host may let its CPU "
            "come when nobody expects it", about=named,
        )  # fmt: skip


RULE = Rule(
    name="withdrawn",
    says="A Wakeup stays until its AP acknowledges it: the protocol has no way to cancel one.",
    source="Linux, arch/x86/kernel/acpi/madt_wakeup.c (why it waits without a limit)",
    follows=(
        "An AP that was stopped between its load and its ack goes to the vector later, into an "
        "OS that has given it up; a TD's host chooses the moment."
    ),
    look_at="What the OS does when its patience ends, and what it leaves at the vector then.",
    sees=(Stored,),
    look=_look,
    severity="warning",
    follows_from=("command-answered", "leaves-on-wakeup", "ack-by-addressed", "second-wake"),
)
