"""Each CPU has a GS and FS base of its own."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Shared
from emu.mailbox.rule import Broken, Rule


def _look(seen: Shared, _: Course) -> Iterator[Broken]:
    if seen.what in ("GS base", "FS base"):
        yield Broken(f"{seen.what} = {seen.value:#x} is cpu {seen.other}'s too")


RULE = Rule(
    name="base-shared",
    says=(
        "The base by which a CPU finds what is its own is no other CPU's by the time it "
        "rests, is online or takes an exception."
    ),
    source="Uros #346; SDM 3, 3.4.4",
    follows=(
        "Both take one CPU's data for their own: current thread, stack for interrupts, lock "
        "depth."
    ),
    look_at=(
        "Where the CPU sets the base, and whether it was copied from the CPU that started it."
    ),
    sees=(Shared,),
    look=_look,
)
