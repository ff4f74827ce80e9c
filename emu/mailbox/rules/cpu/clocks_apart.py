"""The clocks that CPUs read agree."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import ClocksApart
from emu.mailbox.rule import Broken, Rule


def _look(seen: ClocksApart, _: Course) -> Iterator[Broken]:
    side = "ahead of" if seen.ahead_ns > 0 else "behind"
    yield Broken(
        f"its clock is {abs(seen.ahead_ns):,} ns {side} cpu {seen.other}'s, which is more "
        f"than {seen.bound_ns:,} ns"
    )


RULE = Rule(
    name="clocks-apart",
    says=(
        "What two CPUs read as time differs by less than the platform allows (clocks_apart_ns)."
    ),
    source="propolis #455; haxm #339; Linux, arch/x86/kernel/tsc_sync.c",
    follows=(
        "Time goes back as a thread moves to another CPU, and waits end too early or late."
    ),
    look_at=("What the host gives each CPU as TSC offset, and who wrote IA32_TSC_ADJUST."),
    sees=(ClocksApart,),
    look=_look,
)
