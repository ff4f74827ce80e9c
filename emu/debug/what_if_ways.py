"""The ways to bring CPUs up that can be run: each is a platform and words for a kernel of ours
(shim/strategies/, shim/waits/).
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from emu.boot.mwait import Depth
from emu.debug.what_if_waits import PARKED_US
from emu.errors import ApdbgError

IMAGE: Final = "strategies/bzImage"


class Way(Struct, frozen=True):
    """One way to bring CPUs up."""

    name: str
    words: str
    platform: str
    line: str
    image: str = IMAGE
    offers: tuple[Depth, ...] = ()
    """Depths of MWAIT that the platform has to offer; what leaving them takes moves it."""

    @property
    def accepts(self) -> bool:
        """Whether there is memory that nobody has accepted."""
        return "accept=" in self.line


_IPI: Final = "INIT and SIPI"
_MAILBOX: Final = "the mailbox"
_EACH: Final = "a mailbox for each CPU"
_ACCEPT: Final = f"{_MAILBOX} of a TD to all"
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
    Way("mailbox-each", f"{_EACH}, one by one", "none", "start=serial mailbox=each"),
    Way("mailbox-each-parallel", f"{_EACH}, to all, who come online by themselves", "none",
        "start=parallel mailbox=each"),
    Way("mailbox-each-direct", f"{_EACH}, to all: it names their stacks, so no lock is taken",
        "none", "start=parallel mailbox=each-direct"),
    Way("td-mailbox", f"{_MAILBOX} of a TD, one by one", "tdx", "start=serial"),
    Way("td-parallel", f"{_MAILBOX} of a TD to all", "tdx", "start=parallel"),
    Way("td-accept-first", f"the boot CPU accepts all memory, then {_ACCEPT}", "tdx",
        "start=parallel accept=first"),
    Way("td-accept-lazy", f"{_ACCEPT}: each accepts 2 MiB, the rest when it is touched", "tdx",
        "start=parallel accept=lazy"),
    Way("td-accept-all", f"{_ACCEPT}: each accepts its share before it reports", "tdx",
        "start=parallel accept=all"),
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


def ways_of(names: Iterable[str]) -> tuple[Way, ...]:
    """Ways by name, all without any; raises ApdbgError."""
    wanted = tuple(names)
    for name in wanted:
        if name not in BY_NAME:
            raise ApdbgError(f"what-if: there is no way {name!r}: {', '.join(BY_NAME)}")
    return tuple(BY_NAME[name] for name in wanted) or WAYS
