"""What counterfactuals came to, as one value: the schema `apdbg-what-if/1`. Within a version
there are only additions."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from emu.debug.what_if import ApLoad, AtEnds, WayTaken
from emu.debug.what_if_waits import ParkedWait
from emu.debug.what_if_ways import BY_NAME

SCHEMA: Final = "apdbg-what-if/1"


class UntilAccepted(Struct, frozen=True):
    """The boot CPU's time from before the first start until it knows that all is accepted."""

    ps: int
    band_ps: tuple[int, int]
    """Least and most, as for the CPUs."""
    prices: tuple[AtEnds, ...]


class WayReport(Struct, frozen=True):
    """One way with so many CPUs."""

    way: str
    words: str
    """What it is."""
    platform: str
    cmdline: str
    """Of the kernel, without what APs do."""
    cpus: int
    ps: int
    """The boot CPU's time from before the first start until the last CPU is online."""
    band_ps: tuple[int, int]
    """Least and most over the ends of every price, one at a time; without --ends `ps` twice."""
    prices: tuple[AtEnds, ...]
    """Those on which it hangs; without --ends none."""
    accepted: UntilAccepted | None = None
    """Until all memory is accepted; null where there is none to be accepted."""
    waited: ParkedWait | None = None
    """What the wait of an AP takes, where APs were parked before."""


class WhatIf(Struct, frozen=True):
    """Every way with every number of CPUs."""

    schema: str
    own_us: int
    """What each AP does before it reports."""
    online_us: int
    """What it does when it is taken online."""
    ways: tuple[WayReport, ...]
    accept_mib: int = 0
    """MiB that nobody has accepted before, in the ways that accept memory."""
    small_pages: bool = False
    """Whether the host maps them in pages of 4 KiB."""


def reported(found: Sequence[WayTaken], load: ApLoad) -> WhatIf:
    """Everything, in picoseconds."""
    ways = tuple(_way(one) for one in found)
    return WhatIf(
        SCHEMA, load.own_us, load.online_us, ways, load.accept_mib, load.small_pages
    )  # fmt: skip


def _way(one: WayTaken) -> WayReport:
    way, online, accepted = BY_NAME[one.way], one.online, one.accepted
    until = None
    if accepted is not None:
        until = UntilAccepted(accepted.ps, accepted.band, accepted.ends)
    return WayReport(
        way.name, way.words, way.platform, way.line, one.cpus, online.ps, online.band,
        online.ends, until, one.waited,
    )  # fmt: skip
