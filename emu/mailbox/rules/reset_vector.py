"""A reset vector that is promised is there."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Handed
from emu.mailbox.rule import Broken, Rule


def _look(seen: Handed, _: Course) -> Iterator[Broken]:
    if seen.reset:
        yield Broken("; ".join(seen.reset))


RULE = Rule(
    name="reset-vector",
    says="A mailbox that offers a reset vector has code there, kept from the OS's allocator.",
    source=(
        "ACPI 6.6, 5.2.12.19 (ResetVector); td-shim #596. In a device tree only the sample has "
        "one (apdbg,reset-vector): Linux takes no CPU offline there"
    ),
    follows="The CPU that is handed back executes whatever lies there, and is lost.",
    look_at="What fills in the mailbox's version and its reset vector.",
    sees=(Handed,),
    look=_look,
)
