"""What counterfactuals came to, as one value: the schema `apdbg-what-if/1`. Within a version
there are only additions."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from emu.debug.what_if import BY_NAME, ApLoad, AtEnds, WayTaken
from emu.debug.what_if_waits import ParkedWait

SCHEMA: Final = "apdbg-what-if/1"


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


def reported(found: Sequence[WayTaken], load: ApLoad) -> WhatIf:
    """Everything, in picoseconds."""
    return WhatIf(SCHEMA, load.own_us, load.online_us, tuple(_way(one) for one in found))


def _way(one: WayTaken) -> WayReport:
    way = BY_NAME[one.way]
    return WayReport(
        way.name,
        way.words,
        way.platform,
        way.line,
        one.cpus,
        one.ps,
        one.band,
        one.ends,
        one.waited,
    )
