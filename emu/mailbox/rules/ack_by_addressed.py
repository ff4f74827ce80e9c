"""Only the addressed AP clears a command."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, course: Course) -> Iterator[Broken]:
    if seen.after.command or not seen.before.command:
        return
    wanted = course.addressed(seen.before)
    if seen.cpu in wanted or not (seen.cpu is None or course.is_firmware(seen.cpu)):
        return
    if course.withdrawn(seen.cpu):
        return  # it was told to leave, and then the OS went on without it
    who = "the host" if seen.cpu is None else f"cpu {seen.cpu}"
    index = seen.cpu is not None and seen.cpu == seen.before.apic_id
    why = "; that is its VP index, not its APIC id" if index else ""
    leaves = seen.ack is not None and seen.ack.leaves
    goes = f", and leaves for {seen.before.vector:#x}" if leaves else ""
    about = wanted if seen.cpu is None else (seen.cpu, *wanted)
    yield Broken(
        f"{who} cleared a command for APIC id {seen.before.apic_id}{why}{goes}", about=about
    )


RULE = Rule(
    name="ack-by-addressed",
    says="The AP whose APIC id the mailbox names clears the command, and no other.",
    source="ACPI 6.6, 5.2.12.19",
    follows="Two CPUs start at one vector or none does, and the OS counts one too many.",
    look_at=(
        "How the AP compares the mailbox's ApicId: with its APIC id, or with an index; and "
        "whether it is the id of this very command, or one that it read before."
    ),
    sees=(Stored,),
    look=_look,
    follows_from=("leaves-on-wakeup", "withdrawn"),
)
