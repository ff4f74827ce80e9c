"""A CPU takes a fault that it does not survive."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import StoodStill
from emu.mailbox.rule import Broken, Rule


def _look(seen: StoodStill, _: Course) -> Iterator[Broken]:
    if seen.how == "fault":
        yield Broken(f"it shut down: {seen.why}")


RULE = Rule(
    name="cpu-fault",
    says="Every fault of a CPU finds a handler that can be entered.",
    source="SDM 3, 6.15 (interrupt 8); asterinas/asterinas #1992, unikraft/unikraft #1515",
    follows="The CPU shuts down for good, and most hosts stop the whole machine.",
    look_at="`events fault` has the first fault; `walk` its address, `why` the CPU.",
    sees=(StoodStill,),
    look=_look,
)
