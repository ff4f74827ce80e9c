"""The profile as the screen has it: one section of it, made anew where that is soon done."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, field

from emu.machine.machine import Machine
from emu.picture.sections import ProfileView
from emu.profile.critical_view import CriticalPath
from emu.profile.profile import NAMES, Profile, chosen, profile
from emu.profile.waterfall_view import IDLE, Waterfall

SOON: Final = 20_000
"""Entries of the logs up to which a profile is made wherever the machine stops: some 50 ms.
Beyond these `profile` makes it."""
_When = tuple[int, int, str]


class ProfileLook(Struct):
    """Which section is looked at, and what was made last."""

    section: str = "waterfall"
    made: dict[str, tuple[_When, Any]] = field(default_factory=dict)
    """By section: of which moment it is."""
    _shown: tuple[Any, Any, ProfileView] | None = None

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
        key = self.section, when, when == now
        if self._shown is None or self._shown[0] != key or self._shown[1] is not found:
            self._shown = key, found, _view(self.section, when, when == now, found)
        return self._shown[2]

    def _is_soon(self, machine: Machine) -> bool:
        logs = machine.board.logs
        few = len(logs.exits) + len(logs.events) + logs.lanes.count <= SOON
        return few and all(one.needs == "logs" for one in chosen([self.section]))


def _view(section: str, when: _When | None, now: bool, found: Any) -> ProfileView:
    fall = found if isinstance(found, Waterfall) else None
    path = found if isinstance(found, CriticalPath) else None
    return ProfileView(
        section, NAMES, None if when is None else when[0], now, fall, path,
        () if fall is None else busy(fall),
        0 if fall is None else max((ap.way_ns for ap in fall.aps), default=0),
        () if path is None else path.stays,
        () if found is None or fall is not None or path is not None else found.lines(),
    )  # fmt: skip


def _when(machine: Machine, branch: str) -> _When:
    return machine.board.tick, machine.board.beat, branch


def busy(fall: Waterfall) -> tuple[tuple[int, int], ...]:
    """The stretches, in nanoseconds, in which some AP is on its way and does not only wait."""
    spans = sorted(
        (end - ns, end)
        for ap in fall.aps
        for step, ns, end in ap.spans
        if step not in IDLE
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
