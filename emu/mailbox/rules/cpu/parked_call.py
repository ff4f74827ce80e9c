"""A CPU that waits at the mailbox asks nobody for anything."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Called
from emu.mailbox.rule import Broken, Rule


def _look(seen: Called, course: Course) -> Iterator[Broken]:
    if seen.cpu is None or not seen.status:
        return
    if course.aps.of(seen.cpu) in ("parked", "woken"):
        yield Broken(f"waits at the mailbox, asks for {seen.call} and gets {seen.status:#x}")


RULE = Rule(
    name="parked-call",
    says="A mailbox loop reads memory: a call from within it that is refused has gone astray.",
    source="openvmm #3980, reset page; TDX module ABI, TDG.VP",
    follows="The CPU has left the loop for an error path, and answers no Wakeup any more.",
    look_at="The branches of the loop: where does each of them lead?",
    sees=(Called,),
    look=_look,
)
