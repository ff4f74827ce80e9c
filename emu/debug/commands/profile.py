"""`profile`: where the CPUs' time went."""

from typing import Final

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines


def _profile(desk: Desk, section: str) -> Lines:
    from emu.debug.profiling import profile_of  # few ask for it
    from emu.profile.profile import chosen

    kinds = chosen(section.split())
    if section:
        desk.looks.profiled().section = kinds[0].name
    return profile_of(desk, kinds).lines()


PROFILE: Final = Command(
    "profile",
    "Say where the time went up to now: each CPU's instructions, exits and sleep; or one "
    "SECTION.",
    _profile,
    (some_text("section", rest=True),),
)
