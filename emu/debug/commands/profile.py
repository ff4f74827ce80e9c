"""`profile`: where the CPUs' time went."""

from typing import Final

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines


def _profile(desk: Desk, section: str) -> Lines:
    from emu.debug.profiling import measured  # few ask for it
    from emu.profile.profile import chosen

    kinds = chosen(section.split())
    if section:
        desk.looks.profiled().section = kinds[0].name
    found, cost = measured(desk, kinds)
    return found.lines() + cost


PROFILE: Final = Command(
    "profile",
    "Say where the time went up to now: each AP's way to online, the critical path, each CPU's "
    "instructions, exits and sleep; or one SECTION.",
    _profile,
    (some_text("section", rest=True),),
)
