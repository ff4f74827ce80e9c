"""Vector and id are stored before the command."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule

_WAKEUP = 1


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    pending = seen.before.command and seen.before.command == seen.after.command
    if pending and not course.is_firmware(seen.cpu):
        for name in ("apic_id", "vector"):
            old, new = getattr(seen.before, name), getattr(seen.after, name)
            if old != new:
                yield Broken(
                    f"{name} became {new:#x} (was {old:#x}) while a command was pending",
                    about=(*course.addressed(seen.before), *course.addressed(seen.after)),
                )
    if not seen.before.command and seen.after.command == _WAKEUP and not seen.after.vector:
        yield Broken("a Wakeup was sent without a vector", about=course.addressed(seen.after))


RULE = Rule(
    name="stored-before-command",
    says=(
        "ApicId and WakeupVector are valid before the command is, and stay so until the ack."
    ),
    source="ACPI 6.6, 5.2.12.19",
    follows="An AP may take half of a message: the old vector, or the id of another CPU.",
    look_at=(
        "The order of the stores to the mailbox, and what keeps the compiler from changing it."
    ),
    sees=(Stored,),
    look=_look,
)
