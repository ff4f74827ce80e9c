"""Both sides use one view of the mailbox."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Refused, Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Refused | Stored, course: Course) -> Iterator[Broken]:
    match seen:
        case Refused():
            yield Broken(f"the mailbox is used through {seen.gpa:#x}: {seen.text}")
        case Stored(after=after, before=before) if before.command and not after.command:
            asked = course.commander
            if asked is None or not asked.memory_type or not seen.memory_type:
                return
            if asked.memory_type != seen.memory_type:
                yield Broken(
                    f"the mailbox is {asked.memory_type} to cpu {asked.cpu}, which set the "
                    f"command, and {seen.memory_type} to cpu {seen.cpu}, which cleared it"
                )


RULE = Rule(
    name="mailbox-view",
    says="OS and firmware map the mailbox page with the same sharing and memory type.",
    source=(
        "Linux, arch/x86/hyperv/hv_vtl.c (is_private_mmio); TDX Module Base Specification, "
        "shared bit of a GPA; SDM 3, 12.12.4"
    ),
    follows="Each side sees a copy of its own, or stale bytes, or the access is an exception.",
    look_at="walk of the mailbox on both CPUs: the shared bit, PAT, PCD and PWT.",
    sees=(Refused, Stored),
    look=_look,
)
