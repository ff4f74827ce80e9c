"""What a CPU is given to begin with stays until it has taken it."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import CellReused
from emu.mailbox.rule import Broken, Rule


def _look(seen: CellReused, _: Course) -> Iterator[Broken]:
    who = "the host" if seen.by is None else f"cpu {seen.by}"
    yield Broken(
        f"is about to load {seen.new:#x} from {seen.gva:#x}, where {seen.old:#x} stood "
        f"when {who} had it begin"
    )


RULE = Rule(
    name="cell-reused",
    says=(
        "A cell through which a CPU gets its stack, its record or its argument has the same "
        "value from the start of that CPU to its load."
    ),
    source="openvmm #1564; cloud-hypervisor #6817",
    follows=(
        "A CPU that comes late takes what is meant for the next one: two CPUs run as one, and "
        "one never comes."
    ),
    look_at=(
        "What the starter waits for before it writes the cell again: an answer from behind "
        "the load, or a time."
    ),
    sees=(CellReused,),
    look=_look,
)
