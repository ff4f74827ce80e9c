"""The vector is read before the ack."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, _: Course) -> Iterator[Broken]:
    if seen.ack is not None and seen.ack.reading == "after":
        yield Broken("the command is cleared first and the wakeup vector read after it")


RULE = Rule(
    name="vector-before-ack",
    says="Firmware keeps what it needs of the mailbox before it clears the command.",
    source="ACPI 6.6, 5.2.12.19",
    follows=(
        "The OS may already write the next CPU's vector: two CPUs then start at one place."
    ),
    look_at="The loads of the mailbox behind the store that clears the command.",
    sees=(Stored,),
    look=_look,
)
