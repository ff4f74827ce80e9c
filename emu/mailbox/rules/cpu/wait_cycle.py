"""CPUs wait for each other in a circle."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Circled
from emu.mailbox.rule import Broken, Rule


def _look(seen: Circled, _: Course) -> Iterator[Broken]:
    yield Broken(seen.words)


RULE = Rule(
    name="wait-cycle",
    says="Nobody waits for CPUs while it holds what they need to come.",
    source="SerenityOS/serenity #2747",
    follows="None of them ever goes on.",
    look_at="`waits`; `last-writer` of the lock says where it was taken.",
    sees=(Circled,),
    look=_look,
)
