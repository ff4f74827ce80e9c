"""The profile as the screen has it: one section of it, made anew where that is soon done."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, field

from emu.machine.machine import Machine
from emu.picture.sections import ProfileView
from emu.profile.critical_view import CriticalPath
from emu.profile.profile import NAMES, Profile, chosen, profile
from emu.profile.waterfall_view import Waterfall

SOON: Final = 20_000
"""Entries of the logs up to which a profile is made wherever the machine stops: some 50 ms.
Beyond these `profile` makes it."""
_IDLE: Final = ("command", "rest")
"""Steps in which an AP waits: no room is kept for them where all do."""
_When = tuple[int, int, str]


class ProfileLook(Struct):
    """Which section is looked at, and what was made last."""

    section: str = "waterfall"
    made: dict[str, tuple[_When, Any]] = field(default_factory=dict)
    """By section: of which moment it is."""
    factor: float = 0.0
    """How many times as long as without it the second run took for what was made last; 0: there
    was none. It is no part of a profile, which is the same on every machine."""

    def keep(self, machine: Machine, branch: str, found: Profile) -> None:
        """Somebody has asked for a profile: what was asked for is shown."""
        for name, section in found.sections.items():
            self.made[name] = _when(machine, branch), section
        if self.section not in found.sections and found.sections:
            self.section = next(iter(found.sections))

    def view(self, machine: Machine, branch: str) -> ProfileView:
        """The section that is looked at, of now or of when it was made last."""
        now = _when(machine, branch)
        if self.made.get(self.section, (None, None))[0] != now and self._is_soon(machine):
            self.keep(machine, branch, profile(machine, chosen([self.section])))
        when, found = self.made.get(self.section, (None, None))
        fall = found if isinstance(found, Waterfall) else None
        return ProfileView(
            self.section, NAMES, None if when is None else when[0], when == now, fall,
            found if isinstance(found, CriticalPath) else None,
            () if fall is None else busy(fall),
            () if found is None or fall is not None else found.lines(),
        )  # fmt: skip

    def _is_soon(self, machine: Machine) -> bool:
        logs = machine.board.logs
        few = len(logs.exits) + len(logs.events) + logs.lanes.count <= SOON
        return few and all(one.needs == "logs" for one in chosen([self.section]))


def _when(machine: Machine, branch: str) -> _When:
    return machine.board.tick, machine.board.beat, branch


def busy(fall: Waterfall) -> tuple[tuple[int, int], ...]:
    """The stretches, in nanoseconds, in which some AP is on its way and does not only wait."""
    spans = sorted(
        (end - ns, end)
        for ap in fall.aps
        for step, ns, end in ap.spans
        if step not in _IDLE
    )  # fmt: skip
    return tuple(_merged(spans))


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found
