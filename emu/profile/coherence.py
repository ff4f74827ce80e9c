"""Where cache lines went: transfers, invalidations, false sharing, the mailbox's own lines for
each wake-up, and what all that costs at the platform's distances."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from emu.boot.topology import Distance
from emu.hw.address import Hpa
from emu.judge.judge import where
from emu.machine.machine import Machine
from emu.profile.basis import Basis
from emu.profile.lines import LINE_BITS, LINE_BYTES, CacheLine, CacheLines
from emu.profile.prices import LINES, prices_of

LINES_MAX: Final = 64
"""Lines that are told, those that moved most; lines shared falsely are told in any case."""
LINES_SHOWN: Final = 8
USERS_SHOWN: Final = 4
WAKES_SHOWN: Final = 8


class TransferCost(Struct, frozen=True):
    """What transfers cost, in ns, with what the ranges of the prices make of it."""

    ns: float
    low: float
    high: float

    def __str__(self) -> str:
        spread = "" if self.low == self.high else f" ({self.low:,.0f} to {self.high:,.0f})"
        return f"{self.ns:,.0f} ns{spread}"


class LinesMoved(Struct, frozen=True):
    """Transfers over one distance."""

    distance: Distance
    count: int


class LineUser(Struct, frozen=True):
    """What one CPU does to a line: bytes from its beginning, as `0-3 8`, and the first places
    that do it. A CPU that only looks while it waits may have none."""

    cpu: int
    loads: str
    stores: str
    loads_at: str
    stores_at: str


class LineUse(Struct, frozen=True):
    """One line that more than one CPU touches."""

    gpa: int
    name: str
    """The first symbol in it; empty if there is none."""
    transfers: int
    spun: int
    """Transfers by CPUs that only waited."""
    invalidations: int
    upgrades: int
    moved: tuple[LinesMoved, ...]
    cost: TransferCost
    falsely: bool
    """No byte that one stores is touched by another: in lines of their own they share none."""
    users: tuple[LineUser, ...]

    def lines(self) -> tuple[str, ...]:
        """How often it moved, and who touches which bytes."""
        what = "falsely shared line" if self.falsely else "line"
        name = f" ({self.name})" if self.name else ""
        waits = f", {self.spun:,} of them by waiting" if self.spun else ""
        rows = [
            f"{what} {self.gpa:#x}{name}: {_many(self.transfers, 'transfer')}{waits}, "
            f"{_many(self.invalidations, 'invalidation')}, {_many(self.upgrades, 'upgrade')}, "
            f"{self.cost}"
        ]
        for one in self.users[:USERS_SHOWN]:
            for doing, spans, place in (
                ("loads", one.loads, one.loads_at), ("stores to", one.stores, one.stores_at),
            ):  # fmt: skip
                if spans:
                    rows.append(f"    cpu {one.cpu} {doing} bytes {spans} at {place}")
        left = len(self.users) - USERS_SHOWN
        return tuple(rows) + ((f"    and {left:,} more CPUs",) if left > 0 else ())


class WakeLines(Struct, frozen=True):
    """The transfers of the mailbox's own lines from behind one acknowledgement up to and with
    the next, which is this CPU's."""

    cpu: int
    transfers: int


class MailboxLines(Struct, frozen=True):
    """Those of each wake-up, in order, and those behind the last."""

    wakes: tuple[WakeLines, ...]
    behind: int


class Coherence(Struct, frozen=True):
    """All lines that CPUs share."""

    shared: int
    """Lines that more than one CPU touches."""
    transfers: int
    spun: int
    invalidations: int
    upgrades: int
    moved: tuple[LinesMoved, ...]
    cost: TransferCost
    sources: tuple[str, ...]
    """Of the prices in it, each with its range."""
    mailbox: MailboxLines
    told: tuple[LineUse, ...]

    def lines(self) -> tuple[str, ...]:
        """All in all, the mailbox, and the lines that moved most or are falsely shared."""
        rows = [
            f"{self.shared:,} lines are shared: {self.transfers:,} transfers, "
            f"{self.spun:,} of them by waiting, {self.invalidations:,} invalidations, "
            f"{self.upgrades:,} upgrades; all transfers {self.cost}",
            *(f"    {one}" for one in self.sources),
            *_mailbox_rows(self.mailbox),
        ]
        false = [one for one in self.told if one.falsely]
        rest = [one for one in self.told if not one.falsely]
        for one in (*false, *rest[:LINES_SHOWN]):
            rows += one.lines()
        return tuple(rows)


def coherence(basis: Basis) -> Coherence:
    """What the lines of a branch did up to where it stands."""
    accesses, machine = basis.accesses, basis.machine
    shared = accesses.lines.shared
    told = [_use(machine, number, line) for number, line in shared.items()]
    told = sorted((one for one in told if one), key=lambda one: (-one.transfers, one.gpa))
    every = [one for some in shared.values() for one in some.moved.items()]
    kept = told[:LINES_MAX] + [one for one in told[LINES_MAX:] if one.falsely]
    moved = _moved(every)
    return Coherence(
        len(shared), sum(one.count for one in moved), sum(one.spun for one in shared.values()),
        sum(one.invalidations for one in shared.values()),
        sum(one.upgrades for one in shared.values()), moved, _cost(machine, moved),
        _sources(machine, moved), _mailbox(accesses.lines), tuple(kept),
    )  # fmt: skip


def _use(machine: Machine, number: int, line: CacheLine) -> LineUse:
    hpa = Hpa(number << LINE_BITS)
    page = machine.board.ram.page_at(hpa)
    gpa = hpa if page is None else page + hpa % 4096
    moved = _moved(line.moved.items())
    users = tuple(
        LineUser(
            cpu, spans(one.loads), spans(one.stores), where(machine, one.load_at),
            where(machine, one.store_at),
        )
        for cpu, one in sorted(line.users.items())
    )  # fmt: skip
    return LineUse(
        gpa, _name(machine, gpa), line.transfers, line.spun, line.invalidations, line.upgrades,
        moved, _cost(machine, moved), falsely_shared(line), users,
    )  # fmt: skip


def falsely_shared(line: CacheLine) -> bool:
    """Whether somebody stores, and nobody touches a byte that another one stores."""
    users = list(line.users.values())
    some = any(one.stores for one in users)
    return some and not any(
        one.stores & (other.loads | other.stores)
        for one in users
        for other in users
        if one is not other
    )


def _moved(pairs: Iterable[tuple[Distance, int]]) -> tuple[LinesMoved, ...]:
    total: dict[Distance, int] = {}
    for how, count in pairs:
        total[how] = total.get(how, 0) + count
    return tuple(LinesMoved(how, total[how]) for how in LINES if how in total)


def _cost(machine: Machine, moved: tuple[LinesMoved, ...]) -> TransferCost:
    prices = prices_of(machine.board.platform)
    some = [(prices[LINES[one.distance]], one.count) for one in moved]
    return TransferCost(
        sum(one.value * count for one, count in some),
        sum(one.low * count for one, count in some),
        sum(one.high * count for one, count in some),
    )


def _sources(machine: Machine, moved: tuple[LinesMoved, ...]) -> tuple[str, ...]:
    prices = prices_of(machine.board.platform)
    found = []
    for one in moved:
        price = prices[LINES[one.distance]]
        found.append(
            f"{one.count:,} at {price.value:g} ns ({price.low:g} to {price.high:g}), "
            f"{price.what}: {price.told}"
        )
    return tuple(found)


def _name(machine: Machine, gpa: int) -> str:
    """A symbol that a line has a byte of."""
    name = machine.board.layout.symbols.name(gpa)
    if name:
        return name
    later = (machine.board.layout.symbols.name(gpa + at) for at in range(8, LINE_BYTES, 8))
    return next((one for one in later if one), "")


def spans(mask: int) -> str:
    """Bytes of a mask: `0-3 8`."""
    found, at = [], 0
    while mask >> at:
        if not mask >> at & 1:
            at += 1
            continue
        end = at
        while mask >> end & 1:
            end += 1
        found.append(f"{at}-{end - 1}" if end - at > 1 else str(at))
        at = end
    return " ".join(found)


def _mailbox(lines: CacheLines) -> MailboxLines:
    woken, behind = lines.of_mailbox()
    return MailboxLines(tuple(WakeLines(*one) for one in woken), behind)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _mailbox_rows(mailbox: MailboxLines) -> list[str]:
    if not mailbox.wakes:
        return []
    ordered = sorted(one.transfers for one in mailbox.wakes)
    each = ", ".join(
        f"{one.transfers:,} for cpu {one.cpu}" for one in mailbox.wakes[:WAKES_SHOWN]
    )
    return [
        f"    the mailbox's lines for each of {len(ordered):,} wake-ups: {ordered[0]:,} to "
        f"{ordered[-1]:,} transfers, {ordered[len(ordered) // 2]:,} the median, "
        f"{sum(ordered):,} in all; {mailbox.behind:,} behind the last",
        f"    of these {each}" + ", ..." * (len(ordered) > WAKES_SHOWN),
    ]
