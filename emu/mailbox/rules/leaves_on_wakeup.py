"""An AP goes to the vector for Wakeup only."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.layout import command_name
from emu.mailbox.observation import Observation, Stored
from emu.mailbox.rule import Broken, Rule

_WAKEUP = 1


def _look(seen: Observation, course: Course) -> Iterator[Broken]:
    if not isinstance(seen, Stored) or seen.ack is None or not seen.ack.leaves:
        return
    if seen.before.command != _WAKEUP and course.is_firmware(seen.cpu):
        yield Broken(
            f"takes {command_name(seen.before.command)} for a Wakeup and leaves for "
            f"{seen.before.vector:#x}"
        )


RULE = Rule(
    name="leaves-on-wakeup",
    says="An AP leaves the mailbox only when the command addressed to it is Wakeup.",
    source="ACPI 6.6, 5.2.12.19; openvmm #2341",
    follows="The AP jumps to whatever the vector field holds: mostly to 0, or too early.",
    look_at="Whether the AP's loop compares the command, and what it does with an unknown one.",
    look=_look,
)
