"""Each CPU has a TSS of its own."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Shared
from emu.mailbox.rule import Broken, Rule


def _look(seen: Shared, _: Course) -> Iterator[Broken]:
    if seen.what == "TSS":
        yield Broken(f"the TSS at {seen.value:#x} is cpu {seen.other}'s too")


RULE = Rule(
    name="tss-shared",
    says=("A TSS belongs to one CPU: the processor takes stacks from it, and marks it busy."),
    source="mu_basecore #1487; SDM 3, 8.2.2",
    follows=(
        "LTR is #GP while another CPU has the TSS, or two CPUs take exceptions on one stack."
    ),
    look_at=("The selector that each CPU loads, and whether they share a GDT."),
    sees=(Shared,),
    look=_look,
)
