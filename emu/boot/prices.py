"""What things cost on real machines: each price with its range, and who has published it.

A platform's file may say otherwise of any of them:

    [prices.line_across_ns]
    ns = 120
    low = 108
    high = 134
    source = "measured on the machine in question"

What a machine's clocks are made of (the keys of `[time]`) has its value there; of these a table
here gives the range and the source only.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from emu.boot.platform_table import TomlTable

NO_SOURCE: Final = "no public figure"
OWN: Final = "the platform's own value, without a source"
COST_MAX: Final = 10**12
SLOTS: Final = ("low", "high", "source")
"""What the table of any price may say; beside its value, by the name of its unit."""
PriceUnit = Literal["ns", "power"]
"""Nanoseconds, or what a CPU takes in a unit of time where one that runs takes 1."""


class Price(Struct, frozen=True):
    """One price."""

    name: str
    what: str
    value: float
    """In ns, but for `instructions_per_ns` and powers."""
    low: float
    high: float
    source: str = ""
    """Empty: nobody has published one, and the range is a guess."""
    timed: bool = False
    """It is a key of `[time]`: the machine's clocks are made of it."""
    unit: PriceUnit = "ns"

    @property
    def told(self) -> str:
        """Where it is from, in words."""
        return self.source or NO_SOURCE


_EXITS: Final = (
    "2,528 cycles on AMD (lkml, 2012); nested CPUID 6,850 to 9,000 cycles (Linux 1201f22, "
    "564ad0aa); both at 3 GHz"
)
_ALIVE: Final = (
    "its upper end: 350 us to 3.5 ms from the kick to an AP that is alive, its own work "
    "included (Linux, series on parallel bring-up, 2023)"
)
_ACCEPTED: Final = (
    "its upper end, with the host's page behind each: 8 GiB on one CPU in 24 s (intel/lkvs, "
    "tdx_mem_test.sh) and 30 s (asterinas pull request 1691); 8 us a page (Dstack-TEE/dstack "
    "pull request 1220)"
)
_LINES: Final = "one way, median: nviennot/core-to-core-latency"
_IDLE: Final = "exit latency in the tables of Linux's intel_idle"

PRICES: Final[tuple[Price, ...]] = (
    Price("instructions_per_ns", "instructions in a ns at speed 1.0", 2, 0.5, 8, timed=True),
    Price("exit_ns", "an exit to the VMM and back", 1_000, 840, 3_000, _EXITS, timed=True),
    Price("tdcall_ns", "a TDCALL", 1_500, 500, 6_000, timed=True),
    Price(
        "hypercall_ns", "a hypercall", 2_000, 840, 50_000,
        "at most 50 us by design, then continued (Hyper-V documentation)", timed=True,
    ),
    Price("accept_4k_ns", "accepting 4 KiB", 500, 250, 14_300, _ACCEPTED, timed=True),
    Price("accept_2m_ns", "accepting 2 MiB", 60_000, 30_000, 600_000, timed=True),
    Price(
        "start_vp_ns", "from the call that starts a CPU to its first instruction", 20_000,
        10_000, 350_000, _ALIVE, timed=True,
    ),
    Price(
        "sipi_ns", "from a SIPI to the first instruction", 10_000, 5_000, 350_000, _ALIVE,
        timed=True,
    ),
    Price("io_ns", "port I/O", 1_000, 840, 3_000, _EXITS, timed=True),
    Price(
        "line_smt_ns", "a cache line from the other thread of the core", 8, 8, 8, _LINES
    ),
    Price(
        "line_cluster_ns", "a cache line within a cluster (a CCX)", 23, 23, 23,
        f"{_LINES}, Milan",
    ),
    Price(
        "line_socket_ns", "a cache line within a socket", 51, 47, 107,
        f"{_LINES}: Ice Lake 51, Cascade Lake 47, Milan from CCX to CCX 107",
    ),
    Price(
        "line_across_ns", "a cache line between sockets", 134, 108, 197,
        f"{_LINES}: Ice Lake 108, Cascade Lake 134, Milan 197",
    ),
    Price(
        "pause_ns", "a PAUSE", 47, 3, 47,
        "weak, vendors say only `delay`: 140 cycles since Skylake, some 10 before; at 3 GHz",
    ),
    Price(
        "mwait_c1_ns", "leaving MWAIT C1", 1_000, 1_000, 2_000,
        f"{_IDLE}: Sapphire Rapids C1 1 us, Alder Lake-N C1E 2 us",
    ),
    Price(
        "mwait_c6_ns", "leaving MWAIT C6", 290_000, 128_000, 290_000,
        f"{_IDLE}: Sapphire Rapids 290 us (an early figure 128), Alder Lake-N 195 us",
    ),
    Price(
        "mwait_c8_ns", "leaving MWAIT C8", 260_000, 260_000, 260_000, f"{_IDLE}: Alder Lake-N"
    ),
    Price(
        "mwait_c10_ns", "leaving MWAIT C10", 660_000, 660_000, 660_000,
        f"{_IDLE}: Alder Lake-N",
    ),
    Price(
        "hlt_wake_ns", "from an interrupt to the code behind HLT in a guest", 2_500, 840, 50_000
    ),
    Price(
        "ipi_ns", "an IPI of a guest to one CPU", 2_350, 2_200, 2_500,
        "Linux 4180bf1b: 2.2 to 2.5 us",
    ),
    Price("power_spin", "spinning without PAUSE, running being 1", 1, 0.7, 1.2, unit="power"),
    Price("power_pause", "spinning with PAUSE", 0.6, 0.3, 1, unit="power"),
    Price("power_c1", "in MWAIT C1", 0.3, 0.1, 0.5, unit="power"),
    Price("power_c6", "in MWAIT C6", 0.03, 0, 0.1, unit="power"),
    Price("power_c8", "in MWAIT C8", 0.02, 0, 0.1, unit="power"),
    Price("power_c10", "in MWAIT C10", 0.01, 0, 0.1, unit="power"),
    Price("power_hlt", "halted", 0.3, 0.1, 0.5, unit="power"),
)  # fmt: skip
"""Every price, and what is usual. Source of the figures: as each says."""
NAMES: Final = frozenset(one.name for one in PRICES)
GivenPrices = tuple[tuple[str, tuple[tuple[str, float | str], ...]], ...]
"""(price, what a platform's file says of it)."""


def given_prices(table: TomlTable, costs: Mapping[str, float]) -> GivenPrices:
    """What a platform's file says of prices; `costs`: the values of those that are keys of
    `[time]`. Raises PlatformError."""
    for name, given in table.values.items():
        if not is_right(name, given):
            raise table.wrong(name, must_be(name))
        price = _USUAL[name]
        price = changed(price, given | ({price.unit: costs[name]} if price.timed else {}))
        if not price.low <= price.value <= price.high:
            where = f"time.{name}" if price.timed else price.unit
            raise table.wrong(
                name, f"a range with its value in it, and {where} is {price.value:,g}"
            )
    return tuple((name, tuple(given.items())) for name, given in table.values.items())


def must_be(name: str) -> str:
    """What the table of a price must be."""
    own = "" if name in TIMED else f"{UNITS[name]}, "
    where = f"; its value is time.{name}" if name in TIMED else ""
    return f"a table of {own}low, high and source, low not above high{where}"


_USUAL: Final = {one.name: one for one in PRICES}
UNITS: Final[dict[str, PriceUnit]] = {one.name: one.unit for one in PRICES}


TIMED: Final = frozenset(one.name for one in PRICES if one.timed)
"""Those that are keys of `[time]`."""


def is_right(name: str, given: Any) -> bool:
    """Whether it can be the table of a price."""
    allowed = {*SLOTS} if name in TIMED else {*SLOTS, UNITS[name]}
    if not isinstance(given, dict) or not given or not set(given) <= allowed:
        return False
    if not all(
        _is_line(one) if key == "source" else _is_price(one) for key, one in given.items()
    ):
        return False
    return bool(given.get("low", 0) <= given.get("high", COST_MAX))


def _is_price(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= COST_MAX


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def changed(usual: Price, given: Mapping[str, Any]) -> Price:
    """A price as a platform's file has it. The usual source is none of another value,
    nor its range if that value lies outside."""
    value, source = given.get(usual.unit, usual.value), usual.source
    low, high = usual.low, usual.high
    if value != usual.value and low <= value <= high:
        source = f"{OWN}, in the range of: {usual.told}"
    elif value != usual.value:
        source, low, high = OWN, value, value
    return replace(
        usual, value=value, source=given.get("source", source),
        low=given.get("low", min(low, value)), high=given.get("high", max(high, value)),
    )  # fmt: skip
