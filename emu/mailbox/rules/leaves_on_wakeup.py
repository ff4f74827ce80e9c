"""An AP goes to the vector for a Wakeup of its own only."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.layout import command_name
from emu.mailbox.observation import Arrived, Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Arrived | Stored, course: Course) -> Iterator[Broken]:
    # A Wakeup that was taken out of the AP's hands is the matter of whoever did that.
    if not seen.cpu or not course.is_firmware(seen.cpu) or course.lost(seen.cpu) is not None:
        return
    match seen:
        case Stored(before=before):
            goes, name = course.astray(seen), command_name(before.command)
            if goes is not None:
                yield Broken(f"takes {name} for a Wakeup and leaves for {goes:#x}")
        case Arrived(roles=roles) if "arrived" in roles and seen.cpu not in course.strayed:
            if course.aps.of(seen.cpu) == "parked":
                yield Broken("has left the mailbox though it held no Wakeup for this CPU")


RULE = Rule(
    name="leaves-on-wakeup",
    says="An AP leaves the mailbox only for a Wakeup that is addressed to it when it takes it.",
    source="ACPI 6.6, 5.2.12.19; openvmm #2341",
    follows=(
        "The AP jumps to whatever the vector field holds: to 0, to another CPU's vector, or "
        "too early; the real command finds nobody."
    ),
    look_at=(
        "Whether the loop compares the command, and whether command and id are one load or "
        "read again: between two loads the OS may be a command further."
    ),
    sees=(Arrived, Stored),
    look=_look,
)
