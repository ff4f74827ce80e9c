"""The vector that an AP takes came with its own Wakeup."""

from collections.abc import Iterator

from emu.mailbox.ap import WAKEUP
from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    if seen.ack is None or seen.before.command != WAKEUP:
        return
    goes, wake = seen.ack.vector, course.wakes.get(seen.cpu or 0)
    if goes is None or wake is None or not course.is_firmware(seen.cpu):
        return
    # One that the OS replaced while the command was pending may have been read before. Where no
    # wake-up ever led, there is a piece of firmware between the ack and the vector.
    if goes not in wake.vectors and goes in course.vectors:
        yield Broken(f"leaves for {goes:#x}, but its Wakeup came with {seen.before.vector:#x}")


RULE = Rule(
    name="own-vector",
    says="An AP reads the vector after it has seen its own Wakeup, and goes to that one.",
    source="ACPI 6.6, 5.2.12.19",
    follows="The AP starts where another CPU was sent, or where it was sent the last time.",
    look_at=(
        "What the AP had read before its Wakeup was there: an id without its command, or a "
        "command with an id that came later."
    ),
    sees=(Stored,),
    look=_look,
)
