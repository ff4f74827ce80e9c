"""Shared bytes are ordered by something."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Raced
from emu.mailbox.rule import Broken, Rule


def _look(seen: Raced, _: Course) -> Iterator[Broken]:
    other = f"cpu {seen.other} at {seen.other_place}"
    yield Broken(f"{seen.gpa:#x} is touched with nothing that orders it after {other}")


RULE = Rule(
    name="data-race",
    says=(
        "Bytes that two CPUs use, one of them storing, are locked or ordered by the mailbox."
    ),
    source="C17 5.1.2.4; SDM 3, 8.2",
    follows="What is read depends on who was quicker.",
    look_at="last-writer of the byte, and the locks that both sides take.",
    sees=(Raced,),
    look=_look,
    severity="warning",
)
