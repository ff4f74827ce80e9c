"""The profile of a boot up to now: sections, each a fold over the logs. The same machine at the
same moment gives the same profile, live or from its recording, to the byte."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from emu.errors import CommandError
from emu.given.nearest import did_you_mean
from emu.machine.machine import Machine
from emu.profile.basis import Basis, Looked, SectionNeeds
from emu.profile.coherence import coherence
from emu.profile.critical import critical
from emu.profile.energy import energy
from emu.profile.locks import locks
from emu.profile.plugs import plugs
from emu.profile.price_table import price_table
from emu.profile.skew import skew
from emu.profile.times import times
from emu.profile.told import SectionLines, Tells, us
from emu.profile.waterfall import waterfall

SCHEMA: Final = "apdbg-profile/1"


class SectionKind(Struct, frozen=True):
    """One section: its name, what it says, what it needs, and what makes it."""

    name: str
    title: str
    needs: SectionNeeds
    make: Callable[[Basis], Tells]


SECTIONS: Final[tuple[SectionKind, ...]] = (
    SectionKind("waterfall", "each AP from the first call to its last work", "logs", waterfall),
    SectionKind("critical", "what the whole boot waited for", "logs", critical),
    SectionKind("cpus", "where each CPU's time went", "logs", times),
    SectionKind("skew", "what CPUs are told of the time", "logs", skew),
    SectionKind("plugs", "CPUs that went and came", "logs", plugs),
    SectionKind("energy", "what CPUs spend, and which way to wait takes least", "logs", energy),
    SectionKind("prices", "what things cost, and who has published it", "logs", price_table),
    SectionKind("locks", "who waited for which lock, how long and for whom", "accesses", locks),
    SectionKind("coherence", "where cache lines went", "accesses", coherence),
    SectionKind("lines", "the critical path by every line executed", "code", critical),
)
"""In the order in which they are told: a new section is a file and a row here. Those that need
more than the logs are told only if they are asked for."""
NAMES: Final = tuple(one.name for one in SECTIONS)


class Profile(Struct, frozen=True):
    """Where the time of a boot went."""

    schema: str
    platform: str
    cpus: int
    seed: int
    ticks: int
    virtual_ps: int
    sections: dict[str, Any]
    """Section name, in the order of SECTIONS."""

    def lines(self) -> SectionLines:
        """All of it for a person."""
        rows = [
            f"{self.cpus:,} CPU{'s' * (self.cpus != 1)} on {self.platform}: {self.ticks:,} "
            f"instructions, {us(self.virtual_ps)} of virtual time"
        ]
        for one in SECTIONS:
            if one.name in self.sections:
                rows += ["", f"-- {one.name}: {one.title}", *self.sections[one.name].lines()]
        return tuple(rows)


def chosen(names: Iterable[str]) -> tuple[SectionKind, ...]:
    """The sections of these names; of none: all that need nothing but the logs. Raises
    CommandError for a name that is none."""
    wanted = tuple(names)
    for name in wanted:
        if name not in NAMES:
            near = did_you_mean(name, NAMES) or f": they are {', '.join(NAMES)}"
            raise CommandError(f"profile: there is no section {name!r}{near}")
    return tuple(
        one for one in SECTIONS if one.name in wanted or (not wanted and one.needs == "logs")
    )


def profile(
    machine: Machine,
    kinds: Iterable[SectionKind],
    looked: Looked | None = None,
    breathe: Callable[[], None] = lambda: None,
) -> Profile:
    """The profile of a machine as far as it has come; `looked`: what sections need that need
    more than the logs; `breathe`: is called on the way, and may raise."""
    basis, board = Basis(machine, looked, breathe), machine.board
    sections = {}
    for one in kinds:
        breathe()
        sections[one.name] = one.make(basis)
    return Profile(
        SCHEMA, board.platform.name, len(board.cpus), board.seed, board.tick, board.now_ps(),
        sections,
    )  # fmt: skip


def as_json(found: Struct) -> str:
    """The object on one line."""
    return msgspec.json.encode(found).decode()
