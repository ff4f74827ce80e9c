"""Only the OS sets a command."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.layout import command_name
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    if not seen.after.command:
        return
    command = seen.after.command
    if command == seen.before.command:
        return
    if seen.cpu is None:
        yield Broken(f"the host set {command_name(command)}; only the OS may")
    elif course.is_firmware(seen.cpu):
        yield Broken(f"firmware code set {command_name(command)}; only the OS may")
    elif not course.dialect.knows(command):
        yield Broken(
            f"{command_name(command)} means nothing in the dialect {course.dialect.name}"
        )


RULE = Rule(
    name="command-by-os",
    says=(
        "The OS writes a command that the mailbox version defines; firmware and host never do."
    ),
    source="ACPI 6.6, 5.2.12.19",
    follows="An AP may leave the mailbox for a vector that nobody gave it, or wait for ever.",
    look_at="The mailbox panel: who wrote the command; and the code at that place.",
    sees=(Stored,),
    look=_look,
)
