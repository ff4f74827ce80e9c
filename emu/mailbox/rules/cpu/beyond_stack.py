"""A stack does not grow into another CPU's."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Shared
from emu.mailbox.rule import Broken, Rule


def _look(seen: Shared, _: Course) -> Iterator[Broken]:
    if seen.what == "stack-below":
        below = f"in what cpu {seen.other} uses of its stack"
        yield Broken(f"its stack has grown down to RSP = {seen.value:#x}, {below}")


RULE = Rule(
    name="beyond-stack",
    says=("A CPU stores to its own stack only; below it is a page that nobody may write."),
    source="hypatia #19; edk2, PcdCpuStackGuard",
    follows=("The CPU below returns to an address that this one has pushed."),
    look_at=("The size of the stack, and what the CPU has called since it got it."),
    sees=(Shared,),
    look=_look,
)
