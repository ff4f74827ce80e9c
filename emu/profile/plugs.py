"""CPUs that went and came while the guest ran: how long it took to give each back, and from its
being there, again or for the first time, to a command, to its ack, and until it was online."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from emu.machine.event import Event, HotPlug
from emu.profile.basis import Basis
from emu.profile.steps import steps_seen
from emu.profile.told import Quantiles, SectionLines, quantiles, table
from emu.profile.waterfall_view import StepAt, StepName

_WAY: Final[tuple[StepName, ...]] = ("command", "ack", "online")
ROWS_MAX: Final = 24


class PlugTurn(Struct, frozen=True):
    """One CPU that went or came; nanoseconds from the host's word, None: not yet."""

    cpu: int
    tick: int
    comes: bool
    first: bool = False
    """It was never there before."""
    ejected_ns: int | None = None
    command_ns: int | None = None
    ack_ns: int | None = None
    online_ns: int | None = None


class Plugs(Struct, frozen=True):
    """All that went and came."""

    turns: tuple[PlugTurn, ...]
    away: Quantiles | None
    """From the host's asking for a CPU until the guest gave it back."""
    back: Quantiles | None
    """From a CPU's being there again until it was online."""
    new: Quantiles | None = None
    """The same of CPUs that were never there before."""

    def lines(self) -> SectionLines:
        """Quantiles, and the first of them one by one."""
        if not self.turns:
            return ("no CPU went or came while the guest ran",)
        rows = [
            (f"cpu {one.cpu} {_way(one)}", f"{one.tick:,}",
             *(_us(ns) for ns in (one.ejected_ns, one.command_ns, one.ack_ns, one.online_ns)))
            for one in self.turns[:ROWS_MAX]
        ]  # fmt: skip
        more = len(self.turns) - ROWS_MAX
        return (
            *table(
                ("us", "n", "p50", "p90", "p99", "max"),
                [*_spread("asked for until given back", self.away),
                 *_spread("there again until online", self.back),
                 *_spread("there the first time until online", self.new)],
            ),
            "",
            *table(("us", "tick", "given back", "command", "ack", "online"), rows),
            *([f"and {more:,} more: --json has them all"] if more > 0 else []),
        )  # fmt: skip


def _way(one: PlugTurn) -> str:
    if not one.comes:
        return "goes"
    return "comes first" if one.first else "comes"


def _us(ns: int | None) -> str:
    return "-" if ns is None else f"{ns / 1e3:,.3f}"


def _spread(name: str, one: Quantiles | None) -> Iterator[tuple[str, ...]]:
    if one is not None:
        values = (one.p50_ns, one.p90_ns, one.p99_ns, one.max_ns)
        yield (name, f"{one.count:,}", *map(_us, values))


def plugs(basis: Basis) -> Plugs:
    """All up to now."""
    board = basis.machine.board
    seen = {cpu: sorted(some, key=_tick) for cpu, some in steps_seen(board).items()}
    told = [one for one in board.logs.events if isinstance(one.detail, HotPlug)]
    first = _first_comings(told, board.platform.present)
    turns = tuple(
        _comes(one, detail.plugged, seen.get(detail.plugged, ()), index in first)
        if detail.moment == "plugged"
        else _goes(one, detail.plugged, told[index:])
        for index, one in enumerate(told)
        for detail in [one.detail]
        if isinstance(detail, HotPlug) and detail.moment != "ejected"
    )
    away = [(one.ejected_ns, one.cpu) for one in turns if one.ejected_ns is not None]
    came = [one for one in turns if one.online_ns is not None]
    some = [
        [(one.online_ns or 0, one.cpu) for one in came if one.first == new]
        for new in (False, True)
    ]
    back, new = (quantiles(values) if values else None for values in some)
    return Plugs(turns, quantiles(away) if away else None, back, new)


def _first_comings(told: Sequence[Event], present: int) -> set[int]:
    """Which of the events are of CPUs that come for the first time: those from `present` on."""
    found: dict[int, int] = {}
    for index, one in enumerate(told):
        if isinstance(one.detail, HotPlug) and one.detail.plugged >= present:
            found.setdefault(one.detail.plugged, index)
    return set(found.values())


def _tick(step: StepAt) -> int:
    return step.tick


def _goes(asked: Event, cpu: int, later: Sequence[Event]) -> PlugTurn:
    given = HotPlug(cpu, "ejected")
    back = next((one.virtual_ns for one in later if one.detail == given), None)
    waited = None if back is None else back - asked.virtual_ns
    return PlugTurn(cpu, asked.tick, False, ejected_ns=waited)


def _comes(there: Event, cpu: int, steps: Sequence[StepAt], first: bool) -> PlugTurn:
    """The first command behind it, the first ack behind that, and then online."""
    found: dict[str, int | None] = {}
    tick = there.tick
    for name in _WAY:
        step = next((one for one in steps if one.step == name and one.tick >= tick), None)
        found[f"{name}_ns"] = None if step is None else step.ns - there.virtual_ns
        tick = tick if step is None else step.tick
    return PlugTurn(cpu, there.tick, True, first, **found)
