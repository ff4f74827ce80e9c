"""A CPU stands where nothing can ever wake it or move it on, and should not."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import StoodStill
from emu.mailbox.rule import Broken, Rule


def _look(seen: StoodStill, _: Course) -> Iterator[Broken]:
    if seen.how != "fault" and not seen.meant:
        yield Broken(seen.why)


RULE = Rule(
    name="cpu-stuck",
    says="What a CPU waits for can come: a loop looks at what ends it, HLT lets interrupts in.",
    source="SDM 2, HLT; ArduPilot/ChibiOS #114; cloud-hypervisor/cloud-hypervisor #6817",
    follows="The CPU never goes on, and whoever waits for it waits for ever.",
    look_at="`why` the CPU; `list` its loop: is the load inside it?",
    sees=(StoodStill,),
    look=_look,
)
