"""`compare`: where the time went on two branches, side by side."""

from typing import Final

from emu.debug.command import Command, text
from emu.debug.commands.branches import be_at
from emu.debug.desk import Desk, Lines
from emu.errors import CommandError


def _compare(desk: Desk, first: str, second: str) -> Lines:
    from emu.debug.booted import booted_with  # few ask for it
    from emu.profile.comparing import compared, needed
    from emu.profile.profile import profile

    timeline = desk.timeline
    home, here = timeline.branch, timeline.now
    for name in (first, second):
        if name not in timeline.branches:
            raise CommandError(f"compare: there is no branch {name!r}: `branches` lists them")
    _ = timeline.end
    found, booted = [], []
    try:
        for name in (first, second):
            branch = timeline.branches[name]
            be_at(timeline, branch, timeline.end if branch is timeline.branch else branch.end)
            found.append(profile(desk.machine, needed()))
            booted.append(booted_with(desk))
    finally:
        be_at(timeline, home, here)
    names, both = (first, second), (booted[0], booted[1])
    return compared(names, found[0], found[1], both).lines()


COMPARE: Final = Command(
    "compare",
    "Say how the time that two branches took to their ends differs: steps of APs, the critical "
    "path, exits.",
    _compare,
    (text("first"), text("second")),
)
