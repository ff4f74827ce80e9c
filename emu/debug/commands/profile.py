"""`profile`: where the CPUs' time went."""

from typing import Final

from emu.debug.command import Command
from emu.debug.desk import Desk, Lines


def _profile(desk: Desk) -> Lines:
    from emu.judge import profile  # few ask for it

    return profile.lines(desk.machine)


PROFILE: Final = Command(
    "profile",
    "Say where each CPU's time went up to now: instructions, exits, sleep, and who woke it.",
    _profile,
)
