"""Counterfactuals: the same CPUs brought up in other ways, each run and none guessed.

A kernel of ours (shim/strategies/) starts its CPUs in the order and by the way that its command
line says, between two codes at the POST port. What a way takes is the boot CPU's time between
these. Which price a result hangs on is asked by running it again at both ends of the price's
range.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from emu.boot.mwait import Depth, leaving
from emu.boot.platform import CPUS_MAX, platform_text
from emu.boot.platform_keys import commented
from emu.boot.prices import PRICES, TIMED, Price
from emu.debug.session import Session
from emu.debug.setup import Options, Setup
from emu.debug.what_if_waits import PARKED_US, ParkedWait, waited
from emu.errors import ApdbgError
from emu.machine.machine import Machine

IMAGE: Final = "strategies/bzImage"
_MEMORY_MIB: Final = 512
_BEGIN, _END = "POST code 0x01", "POST code 0x02"
MOST: Final = 1024
"""CPUs that the kernel has room for."""


class Way(Struct, frozen=True):
    """One way to bring CPUs up."""

    name: str
    words: str
    platform: str
    line: str
    image: str = IMAGE
    offers: tuple[Depth, ...] = ()
    """Depths of MWAIT that the platform has to offer; what leaving them takes moves it."""


_IPI: Final = "INIT and SIPI"
_MAILBOX: Final = "the mailbox"
WAYS: Final = (
    Way("ipi-legacy", f"{_IPI} with 10 ms and 200 us of delay, one by one", "linux",
        "start=serial delay=legacy"),
    Way("ipi", f"{_IPI} without them, one by one", "linux", "start=serial"),
    Way("ipi-kick", f"{_IPI} to all, then each taken online", "linux", "start=kick"),
    Way("ipi-parallel", f"{_IPI} to all, who come online by themselves", "linux",
        "start=parallel"),
    Way("ipi-fan-out", f"{_IPI}, each CPU to two more", "linux", "start=fan-out"),
    Way("mailbox", f"{_MAILBOX}, one by one", "none", "start=serial"),
    Way("mailbox-kick", f"{_MAILBOX} to all, then each taken online", "none", "start=kick"),
    Way("mailbox-parallel", f"{_MAILBOX} to all, who come online by themselves", "none",
        "start=parallel"),
    Way("mailbox-fan-out", f"{_MAILBOX}, each CPU two more", "none", "start=fan-out"),
    Way("td-mailbox", f"{_MAILBOX} of a TD, one by one", "tdx", "start=serial"),
    Way("td-parallel", f"{_MAILBOX} of a TD to all", "tdx", "start=parallel"),
)  # fmt: skip
_PARKED: Final = "parked on the kernel's tables, then started by a store"
_WAITS: Final = "waits/bzImage"
_HOW: Final[tuple[tuple[str, str, tuple[Depth, ...]], ...]] = (
    ("spin", "each spins without PAUSE", ()),
    ("pause", "each spins with PAUSE", ()),
    ("hlt", "each halts, and an IPI wakes it", ()),
    ("mwait", "each waits by MWAIT C1", ("C1",)),
    ("mwait-c6", "each waits by MWAIT C6", ("C6",)),
)
PARKED: Final = tuple(
    Way(f"parked-{how}", f"{_PARKED}: {words}", "linux",
        f"wait={how} parked={PARKED_US} start=parallel", _WAITS, depths)
    for how, words, depths in _HOW
)  # fmt: skip
"""Ways to wait, which are run where they are asked for by name."""
BY_NAME: Final = {way.name: way for way in (*WAYS, *PARKED)}


WORK_US_MAX: Final = 10_000_000
"""10 s of each AP: of 1,024 in a row the kernel's clock holds 9 times as much."""


class ApLoad(Struct, frozen=True):
    """What an AP does beside being started, in microseconds."""

    own_us: int = 0
    """Before it reports: microcode, its own registers."""
    online_us: int = 0
    """When it is taken online: calibration, its hand-shake."""

    def __post_init__(self) -> None:
        for name, us in (("own", self.own_us), ("online", self.online_us)):
            if us > WORK_US_MAX:
                raise ApdbgError(f"what-if: --{name}: at most {WORK_US_MAX:,} us, got {us:,}")

    @property
    def words(self) -> str:
        """As the kernel's command line has it."""
        return f"own={self.own_us} online={self.online_us}"


class AtEnds(Struct, frozen=True):
    """What a way takes with one price at the ends of its range, in picoseconds."""

    price: str
    low_ps: int
    high_ps: int


class WayTaken(Struct, frozen=True):
    """What one way takes with so many CPUs."""

    way: str
    cpus: int
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


def taken(
    way: Way, cpus: int, load: ApLoad, *, ends: bool, heard: Callable[[], None] = lambda: None
) -> WayTaken:
    """One way with so many CPUs; raises ApdbgError. `ends`: at the ends of every price's range,
    too; `heard` is called between two runs."""
    machine = _ran(way, cpus, load, {})
    usual, found = _took(machine), []
    for price in _timed(way) if ends else ():
        heard()
        both = [
            _took(_ran(way, cpus, load, {price.name: one})) for one in (price.low, price.high)
        ]
        if both != [usual, usual]:
            found.append(AtEnds(price.name, *both))
    return WayTaken(way.name, cpus, usual, tuple(found), waited(machine))


def less(this: int, than: int) -> float:
    """By how many hundredths this takes less; negative: it takes more."""
    return 100 * (1 - this / than)


def ways_of(names: Iterable[str]) -> tuple[Way, ...]:
    """Ways by name, all without any; raises ApdbgError."""
    wanted = tuple(names)
    for name in wanted:
        if name not in BY_NAME:
            raise ApdbgError(f"what-if: there is no way {name!r}: {', '.join(BY_NAME)}")
    return tuple(BY_NAME[name] for name in wanted) or WAYS


def counts_of(text: str) -> tuple[int, ...]:
    """`2,16,96` as numbers of CPUs, ascending; raises ApdbgError."""
    try:
        found = sorted({int(word) for word in text.split(",")})
    except ValueError:
        found = [0]
    if not 2 <= found[0] <= found[-1] <= min(MOST, CPUS_MAX):
        raise ApdbgError(f"what-if: --cpus: numbers from 2 to {MOST:,}, as in 2,16,96")
    return tuple(found)


def _timed(way: Way) -> tuple[Price, ...]:
    left = [leaving(depth) for depth in way.offers]
    return tuple(one for one in PRICES if one.timed or one.name in left)


def _ran(way: Way, cpus: int, load: ApLoad, costs: Mapping[str, float]) -> Machine:
    """One run, up to its end."""
    options = Options(
        image=way.image, platform=way.platform, cpus=cpus, memory=_MEMORY_MIB,
        cmdline=f"{way.line} {load.words}", rules=False,
    )  # fmt: skip
    session = Session(Setup.of(options, _platform(way, costs)))
    session.do("run")
    if len(_codes(session.machine)) < 2:
        reason = session.verdict.reason if session.verdict else "it did not come to an end"
        raise ApdbgError(f"what-if: {way.name} with {cpus} CPUs: {reason}")
    return session.machine


def _codes(machine: Machine) -> dict[str, int]:
    """The moments of the two codes, in nanoseconds of the boot CPU's clock."""
    events = machine.board.logs.events
    return {one.text: one.virtual_ns for one in events if one.text in (_BEGIN, _END)}


def _took(machine: Machine) -> int:
    """What lies between them, in picoseconds."""
    found = _codes(machine)
    return (found[_END] - found[_BEGIN]) * 1000


def _platform(way: Way, costs: Mapping[str, float]) -> str:
    """The text of a way's platform with other prices, and what the way needs of it."""
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
    return commented(values, way.platform)
