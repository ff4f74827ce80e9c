"""A vCPU has one owner."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Started
from emu.mailbox.rule import Broken, Rule


def _look(seen: Started, course: Course) -> Iterator[Broken]:
    if seen.how == "SIPI" or seen.cpu is None:
        return
    state = course.aps.of(seen.target)
    if state not in ("starting", "gave-up"):
        yield Broken(f"cpu {seen.target} is started, but it is {state} already")


RULE = Rule(
    name="one-owner",
    says="One party starts a virtual processor, and it is started once.",
    source="TLFS, HvCallStartVirtualProcessor; openvmm #3903, OHCL-Linux #82",
    follows="The host refuses, or a CPU is torn out of the hands of whoever had it.",
    look_at="Which list of CPUs each starter works through.",
    sees=(Started,),
    look=_look,
)
