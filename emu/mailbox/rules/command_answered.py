"""A command is answered."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.dialect import BROADCAST_ID
from emu.mailbox.layout import command_name
from emu.mailbox.observation import Ended, Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Ended | Stored, course: Course) -> Iterator[Broken]:
    match seen:
        case Stored() if seen.before.command and not seen.after.command:
            own = course.commander is not None and course.commander.cpu == seen.cpu
            answers = seen.cpu in course.addressed(seen.before) and not own
            if answers or seen.cpu is None or course.is_firmware(seen.cpu):
                return
            head, what = seen.before, "was taken back by the OS without an answer"
        case Ended() if seen.head.command:
            head, what = seen.head, "was never answered"
        case Ended() | Stored():
            return
    wanted = course.addressed(head)
    name = command_name(head.command)
    if head.apic_id == BROADCAST_ID and not wanted:
        yield Broken(f"{name} for all CPUs (broadcast) {what}")
        return
    if not wanted:
        yield Broken(f"{name} for APIC id {head.apic_id}, which no CPU has, {what}")
        return
    stood = course.stood.get(wanted[0], "never parked")
    yield Broken(
        f"{name} for cpu {wanted[0]} (APIC id {head.apic_id}, {stood}) {what}", wanted[0]
    )


RULE = Rule(
    name="command-answered",
    says="The AP clears the command; the OS waits for that before it goes on.",
    source="ACPI 6.6, 5.2.12.19",
    follows="The OS waits for ever, or gives a CPU up that then comes at a bad moment.",
    look_at="Where the AP is: does it look at the command, is its id the one the OS wrote?",
    sees=(Ended, Stored),
    look=_look,
    follows_from=(
        "leaves-on-wakeup",
        "ack-by-addressed",
        "own-vector",
        "second-wake",
        "reserved-clean",
        "status-checked",
        "stored-before-command",
        "vector-executable",
        "page-reused",
    ),
)
