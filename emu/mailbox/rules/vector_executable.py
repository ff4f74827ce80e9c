"""The vector is mapped and executable for the AP."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Stored, _: Course) -> Iterator[Broken]:
    if seen.ack is not None and seen.ack.refused:
        yield Broken(f"the AP cannot execute at {seen.before.vector:#x}: {seen.ack.refused}")


RULE = Rule(
    name="vector-executable",
    says=(
        "The AP leaves with paging on and the waking vector identity mapped, within one page."
    ),
    source="ACPI 6.6, 5.2.12.19",
    follows=(
        "A page fault at the first instruction, mostly without an IDT: the CPU shuts down."
    ),
    look_at="walk VECTOR fetch, on the AP, before it jumps.",
    sees=(Stored,),
    look=_look,
    follows_from=("leaves-on-wakeup", "own-vector", "stored-before-command", "page-reused"),
)
