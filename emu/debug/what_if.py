"""Counterfactuals: the same CPUs brought up in other ways, each run and none guessed.

A kernel of ours (shim/strategies/) starts its CPUs in the order and by the way that its command
line says, between two codes at the POST port. What a way takes is the boot CPU's time between
these; where memory is to be accepted, a third one says when all of it is. Which price a result
hangs on is asked by running it again at both ends of the price's range. A price that nobody
asked for in a run cannot have changed it, so of those no other run is made.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import asdict, replace

from emu.boot.mwait import leaving
from emu.boot.platform import CPUS_MAX, Costs, platform_text
from emu.boot.platform_keys import commented
from emu.boot.prices import PRICES, TIMED, Price
from emu.debug.session import Session
from emu.debug.setup import Options, Setup
from emu.debug.side_by_side import side_by_side
from emu.debug.what_if_waits import ParkedWait, waited
from emu.debug.what_if_ways import Way
from emu.errors import ApdbgError
from emu.given.number import is_digits
from emu.machine.machine import Machine

_MEMORY_MIB: Final = 512
_BEGIN, _ONLINE, _ACCEPTED = (f"POST code 0x{code:02x}" for code in (1, 2, 3))
MOST: Final = 1024
"""CPUs that the kernel has room for."""
ACCEPT_MIB: Final = 256
ACCEPT_MIB_MAX: Final = 2048


WORK_US_MAX: Final = 10_000_000
"""10 s of each AP: of 1,024 in a row the kernel's clock holds 9 times as much."""


class ApLoad(Struct, frozen=True):
    """What is done beside starting APs: by each, in microseconds, and to memory."""

    own_us: int = 0
    """Before it reports: microcode, its own registers."""
    online_us: int = 0
    """When it is taken online: calibration, its hand-shake."""
    accept_mib: int = ACCEPT_MIB
    """What there is to accept, in those ways that accept memory."""
    small_pages: bool = False
    """Whether the host maps it in pages of 4 KiB, and refuses to accept 2 MiB at once."""

    def __post_init__(self) -> None:
        for name, us in (("own", self.own_us), ("online", self.online_us)):
            if us > WORK_US_MAX:
                raise ApdbgError(f"what-if: --{name}: at most {WORK_US_MAX:,} us, got {us:,}")
        if self.accept_mib % 2 or not 2 <= self.accept_mib <= ACCEPT_MIB_MAX:
            most = f"{ACCEPT_MIB_MAX:,}"
            raise ApdbgError(f"what-if: --accept: an even number of MiB up to {most}")

    def words(self, way: Way) -> str:
        """As the kernel's command line has it."""
        memory = f" mib={self.accept_mib}" if way.accepts else ""
        return f"own={self.own_us} online={self.online_us}{memory}"


class AtEnds(Struct, frozen=True):
    """What a way takes with one price at the ends of its range, in picoseconds."""

    price: str
    low_ps: int
    """With the price at the low end of its range."""
    high_ps: int
    """At the high end."""


class TimeTaken(Struct, frozen=True):
    """What it takes until one moment."""

    ps: int
    ends: tuple[AtEnds, ...] = ()
    """Of prices on which it hangs; others are left out."""
    waited: ParkedWait | None = None
    """What its wait takes, of CPUs that were parked."""

    @property
    def band(self) -> tuple[int, int]:
        """(least, most) picoseconds over the ends of every price, one at a time."""
        some = [self.ps, *(one for end in self.ends for one in (end.low_ps, end.high_ps))]
        return min(some), max(some)


class WayTaken(Struct, frozen=True):
    """What one way takes with so many CPUs."""

    way: str
    cpus: int
    ps: int
    """Until the last CPU is online."""
    ends: tuple[AtEnds, ...] = ()
    """Of prices on which that hangs; others are left out."""
    accepted: TimeTaken | None = None
    """Until all memory is accepted; None: there was none to be accepted."""
    waited: ParkedWait | None = None
    """What the wait of an AP takes; None: none was parked before."""

    @property
    def online(self) -> TimeTaken:
        """Until the last CPU is online."""
        return TimeTaken(self.ps, self.ends)


class _Moments(Struct, frozen=True):
    """Since the first start, in picoseconds."""

    online: int
    accepted: int | None


class _AskedCosts(Costs, frozen=True, kw_only=True):
    """Costs that note which of them a run asks for."""

    asked: set[str]

    def __getattribute__(self, name: str) -> Any:
        if name in TIMED:
            super().__getattribute__("asked").add(name)
        return super().__getattribute__(name)


def taken(
    way: Way,
    cpus: int,
    load: ApLoad,
    *,
    ends: bool,
    every: bool = False,
    heard: Callable[[], None] = lambda: None,
) -> WayTaken:
    """One way with so many CPUs; raises ApdbgError. `ends`: at the ends of the range of every
    price that it asks for, too (`every`: and of those that it does not); `heard` is called
    between two runs."""
    asked: set[str] = set()
    machine = _ran(way, cpus, load, {}, asked)
    usual, found = _took(machine), []
    idle = frozenset() if every else TIMED - asked
    for price in _timed(way) if ends else ():
        if price.name not in idle:
            heard()
            low, high = (
                _took(_ran(way, cpus, load, {price.name: one}))
                for one in (price.low, price.high)
            )
            found.append((price.name, low, high))
    online = _ends(usual.online, ((name, a.online, b.online) for name, a, b in found))
    accepted = None
    if usual.accepted is not None:
        both = ((name, a.accepted or 0, b.accepted or 0) for name, a, b in found)
        accepted = TimeTaken(usual.accepted, _ends(usual.accepted, both))
    return WayTaken(way.name, cpus, usual.online, online, accepted, waited(machine))


def all_taken(
    cells: Sequence[tuple[Way, int]], load: ApLoad, *, ends: bool, jobs: int
) -> list[WayTaken]:
    """Ways with so many CPUs, in that order, shared by processes; raises ApdbgError."""
    return list(side_by_side(partial(_cell, load=load, ends=ends), cells, jobs))


def _cell(cell: tuple[Way, int], load: ApLoad, ends: bool) -> WayTaken:
    return taken(*cell, load, ends=ends)


def _ends(usual: int, found: Iterable[tuple[str, int, int]]) -> tuple[AtEnds, ...]:
    """Those alone that differ."""
    return tuple(AtEnds(*one) for one in found if one[1:] != (usual, usual))


def less(this: int, than: int) -> float:
    """By how many hundredths this takes less; negative: it takes more."""
    return 100 * (1 - this / than)


def counts_of(text: str) -> tuple[int, ...]:
    """`2,16,96` as numbers of CPUs, ascending; raises ApdbgError."""
    words = text.split(",")
    found = sorted({int(word) for word in words}) if all(map(is_digits, words)) else [0]
    if not 2 <= found[0] <= found[-1] <= min(MOST, CPUS_MAX):
        raise ApdbgError(f"what-if: --cpus: numbers from 2 to {MOST:,}, as in 2,16,96")
    return tuple(found)


def _timed(way: Way) -> tuple[Price, ...]:
    left = [leaving(depth) for depth in way.offers]
    return tuple(one for one in PRICES if one.timed or one.name in left)


def _ran(
    way: Way, cpus: int, load: ApLoad, costs: Mapping[str, float], asked: set[str] | None = None
) -> Machine:
    """One run, up to its end; `asked` is given the prices that it asked for."""
    more = load.accept_mib if way.accepts else 0
    options = Options(
        image=way.image, platform=way.platform, cpus=cpus, memory=_MEMORY_MIB + more,
        cmdline=f"{way.line} {load.words(way)}", rules=False,
    )  # fmt: skip
    setup = Setup.of(options, _platform(way, costs, load.small_pages))
    if asked is not None:
        noted = _AskedCosts(**asdict(setup.platform.costs), asked=asked)
        setup = replace(setup, platform=replace(setup.platform, costs=noted))
    session = Session(setup)
    session.timeline.enabled = False  # nobody will go back
    session.do("run")
    if len(_codes(session.machine)) < 2 + way.accepts:
        reason = session.verdict.reason if session.verdict else "it did not come to an end"
        raise ApdbgError(f"what-if: {way.name} with {cpus} CPUs: {reason}")
    return session.machine


def _codes(machine: Machine) -> dict[str, int]:
    """The moments of the codes, in nanoseconds of the boot CPU's clock."""
    events, some = machine.board.logs.events, (_BEGIN, _ONLINE, _ACCEPTED)
    return {one.text: one.virtual_ns for one in events if one.text in some}


def _took(machine: Machine) -> _Moments:
    """What lies between them."""
    found = {text: moment * 1000 for text, moment in _codes(machine).items()}
    begin, accepted = found[_BEGIN], found.get(_ACCEPTED)
    return _Moments(found[_ONLINE] - begin, None if accepted is None else accepted - begin)


def _platform(way: Way, costs: Mapping[str, float], small_pages: bool) -> str:
    """The text of a way's platform with other prices, pages of that size, and what the
    way needs of it."""
    values: dict[str, Any] = tomllib.loads(platform_text(way.platform))
    whole = {
        key: one if key == "instructions_per_ns" else int(one)
        for key, one in costs.items()
        if key in TIMED
    }
    values["time"] = {**values.get("time", {}), **whole}
    others = {key: {"ns": one} for key, one in costs.items() if key not in TIMED}
    if others:
        values["prices"] = {**values.get("prices", {}), **others}
    if way.offers:
        values["mwait"] = list(way.offers)
    if small_pages:
        values["accept_level"] = "4K"
    return commented(values, way.platform)
