"""Waiting loops have a PAUSE."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Waited
from emu.mailbox.rule import Broken, Rule


def _look(seen: Waited, _: Course) -> Iterator[Broken]:
    if not seen.pauses:
        yield Broken("waits in a loop without PAUSE")


RULE = Rule(
    name="wait-pauses",
    says=(
        "A loop that spins should execute PAUSE, by which hosts and SMT siblings tell it from "
        "work."
    ),
    source="ACPI 6.6, 5.2.12.19 (recommended); SDM 2, PAUSE; openvmm #3918",
    follows=(
        "On an oversubscribed host the spinning CPU takes the time of the one it waits for."
    ),
    look_at="The loop's instructions.",
    sees=(Waited,),
    look=_look,
    severity="hint",
)
