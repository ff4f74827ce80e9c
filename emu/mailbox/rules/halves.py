"""Each half of the page has one writer."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.layout import HEAD_BYTES, OS_BYTES
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    if not course.handed:
        return
    firmware, last = course.is_firmware(seen.cpu), seen.offset + len(seen.new)
    if seen.cpu is not None and not firmware and last > OS_BYTES:
        yield Broken(f"the OS stores at {seen.offset:#x}, in the firmware's half")
    if firmware and seen.offset < OS_BYTES and last > HEAD_BYTES:
        yield Broken(f"firmware stores at {seen.offset:#x}, in the half that is the OS's")


RULE = Rule(
    name="halves",
    says=(
        "ReservedForOs (0x010 to 0x7FF) is the OS's, ReservedForFirmware (0x800 on) the "
        "firmware's."
    ),
    source="ACPI 6.6, 5.2.12.19",
    follows=(
        "Two owners of one byte: an AP jumps through a cell that the OS, or another AP, "
        "has written."
    ),
    look_at="What else uses the page: openhcl_boot's reset page keeps its context there.",
    sees=(Stored,),
    look=_look,
)
