"""Both sides use one view of the mailbox."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Observation, Refused
from emu.mailbox.rule import Broken, Rule


def _look(seen: Observation, _: Course) -> Iterator[Broken]:
    if isinstance(seen, Refused):
        yield Broken(f"the mailbox is used through {seen.gpa:#x}: {seen.text}")


RULE = Rule(
    name="mailbox-view",
    says="OS and firmware map the mailbox page with the same sharing.",
    source="Linux series v8, patch 09 (is_private_mmio); TDX Module, shared bit",
    follows="Each side sees a copy of its own, or the access is an exception.",
    look_at="walk of the mailbox on both CPUs: the shared bit.",
    look=_look,
)
