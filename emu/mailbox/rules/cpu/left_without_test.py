"""A CPU that was given back is woken only after it has answered Test."""

from collections.abc import Iterator

from emu.mailbox.ap import WAKEUP
from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    if seen.after.command != WAKEUP or seen.before.command:
        return
    for cpu in course.addressed(seen.after):
        if cpu in course.cpus.untested:
            yield Broken(f"Wakeup for cpu {cpu}, which left the OS and answered no Test since")


RULE = Rule(
    name="left-without-test",
    says=(
        "A CPU that the OS gave back is woken again only after it has answered Test. (ACPI has "
        "the reset vector in the MADT; one in a device tree is this sample's own way.)"
    ),
    source="ACPI 6.6, 5.2.12.19 (Test, ResetVector); DragonOS #2219",
    follows=(
        "It may still be on the OS's stack and tables, or not look at the mailbox yet: the "
        "Wakeup is lost, or taken too early, as it happens."
    ),
    look_at="What the OS waits for between the CPU's last step in it and the next Wakeup.",
    sees=(Stored,),
    look=_look,
)
