"""A CPU is woken again only after it was handed back."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule

_WAKEUP = 1


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    if seen.after.command != _WAKEUP or seen.before.command:
        return
    for cpu in course.addressed(seen.after):
        stood = course.stood.get(cpu, "")
        if stood in ("acked", "arrived", "online", "left"):
            yield Broken(f"Wakeup for cpu {cpu}, which is {stood}", about=(cpu,))


RULE = Rule(
    name="second-wake",
    says=(
        "A CPU that was woken does not look at the mailbox until it is back in the firmware."
    ),
    source="ACPI 6.6, 5.2.12.19 (Test); edk2 #11151",
    follows="Nobody answers: the command stays, and with it every later one.",
    look_at=(
        "What the OS thinks of this CPU, and whether its hand-back has finished (Test). By a "
        "device tree only the sample kernel hands back: Linux does by the MADT alone."
    ),
    sees=(Stored,),
    look=_look,
    follows_from=(
        "leaves-on-wakeup",
        "ack-by-addressed",
        "own-vector",
        "stored-before-command",
        "withdrawn",
    ),
)
