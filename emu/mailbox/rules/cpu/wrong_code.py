"""Who boots the machine and who is started by it keep to their own code."""

from collections.abc import Iterator
from typing import Final

from emu.mailbox.course import Course
from emu.mailbox.observation import Arrived, Waited
from emu.mailbox.rule import Broken, Rule

_OF_APS: Final = {
    "parked": "waits as an AP does", "arrived": "comes to where the OS expects its APs",
    "left": "gives itself back to the firmware",
}  # fmt: skip
_OF_THE_FIRST: Final = {
    "os-entry": "enters the OS where it begins", "waking": "wakes the others",
}  # fmt: skip


def _look(seen: Arrived | Waited, course: Course) -> Iterator[Broken]:
    if seen.cpu is None:
        return
    boots = course.cpus.boots(seen.cpu)
    if isinstance(seen, Waited) and seen.on == "mailbox" and seen.address in course.aps.homes:
        if boots:
            yield Broken("boots the machine, and waits in the loop of its APs")
    elif isinstance(seen, Arrived):
        words = _OF_APS if boots else _OF_THE_FIRST if seen.cpu in course.cpus.started else {}
        who = "boots the machine" if boots else "was started by another CPU"
        found = next((words[role] for role in seen.roles if role in words), "")
        if found:
            yield Broken(f"{who}, and {found}")


RULE = Rule(
    name="wrong-code",
    says=(
        "The CPU that boots the machine never runs what is for those that it starts, nor they "
        "what is for it."
    ),
    source="edk2 #5683, #8285; SDM 3, 9.4 (BSP and APs)",
    follows="The boot stops half-way, or begins anew on memory that is in use.",
    look_at="By what a CPU tells whether it is the first: APIC id, index, a flag, a lock.",
    sees=(Arrived, Waited),
    look=_look,
)
