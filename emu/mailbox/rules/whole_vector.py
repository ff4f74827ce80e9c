"""All 64 bits of the vector count."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, _: Course) -> Iterator[Broken]:
    if seen.ack is not None and seen.ack.reading == "short":
        yield Broken(f"of the vector {seen.before.vector:#x} only 32 bits were read")


RULE = Rule(
    name="whole-vector",
    says="WakeupVector is a 64-bit physical address.",
    source="ACPI 6.6, 5.2.12.19",
    follows="The AP jumps to an address in the first 4 GiB where nothing of the OS lies.",
    look_at="The width of the load of mailbox offset 8.",
    sees=(Stored,),
    look=_look,
)
