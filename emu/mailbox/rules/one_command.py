"""One command at a time."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.layout import command_name
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    if not seen.before.command or not seen.after.command:
        return
    if seen.before.command != seen.after.command:
        old, new = command_name(seen.before.command), command_name(seen.after.command)
        yield Broken(
            f"{new} was sent while {old} had not been acknowledged",
            about=(*course.addressed(seen.before), *course.addressed(seen.after)),
        )


RULE = Rule(
    name="one-command",
    says="The OS sends the next command only after the last one was cleared to Noop.",
    source="ACPI 6.6, 5.2.12.19",
    follows="The first command is lost: its CPU never comes, or comes for the second.",
    look_at="What serialises those who send commands.",
    sees=(Stored,),
    look=_look,
)
