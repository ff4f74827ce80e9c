"""Every waiting AP has a stack of its own."""

from collections.abc import Iterator

from emu.mailbox.course import Course, stack_page
from emu.mailbox.observation import Arrived
from emu.mailbox.rule import Broken, Rule


def _look(seen: Arrived, course: Course) -> Iterator[Broken]:
    if "own-stack" not in seen.roles or not seen.rsp:
        return
    other = course.stacks.get(stack_page(seen.rsp))
    if course.dialect.own_stacks and other not in (None, seen.cpu):
        yield Broken(f"RSP = {seen.rsp:#x} lies in the page of cpu {other}'s stack")


RULE = Rule(
    name="private-stacks",
    says="APs run at once: no two of them share a stack.",
    source="edk2, UefiCpuPkg/Library/MpInitLib/MpLib.c (a stack for each AP)",
    follows="An exception or a call on one AP destroys what another has pushed.",
    look_at="How each AP comes by its RSP.",
    sees=(Arrived,),
    look=_look,
)
