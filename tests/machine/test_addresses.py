"""The engine stops at exactly the addresses that somebody asks for."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from emu.hw.exit import ExitKind
from emu.machine.addresses import Addresses, Sake
from emu.machine.machine import Machine
from tests.guest import Guest, label

SAKES: list[Sake] = ["milestone", "vector", "injection"]
PLACES = st.frozensets(st.integers(0x1000, 0x1010), max_size=4)


ENGINE = Guest("hlt").machine().board.engine
"""Its breakpoints are those of the example that runs."""
WATCHES = st.tuples(st.sampled_from(SAKES), PLACES)
STOPS = st.tuples(st.integers(0x1000, 0x1010), st.none() | st.frozensets(st.integers(0, 3)))


@given(st.lists(WATCHES | STOPS, max_size=20))
def test_each_reason_has_its_own_and_the_engine_has_all(steps: list[tuple[Any, Any]]) -> None:
    one = Addresses(ENGINE)
    one.refresh()
    of: dict[str, frozenset[int]] = dict.fromkeys(SAKES, frozenset())
    stops: dict[int, frozenset[int] | None] = {}
    for what, rest in steps:
        if isinstance(what, str):
            one.watch(what, rest)
            of[what] = rest
        else:
            one.stop(what, rest)
            before = stops.get(what, frozenset())
            stops[what] = None if rest is None or before is None else before | rest
        silent = frozenset().union(*of.values())
        assert one.stops == stops and one.silent == silent
        assert {sake: one.of(sake) for sake in SAKES} == of
        assert ENGINE.breakpoints.addresses == silent | stops.keys()
        assert all((place in one) == (place in silent) for place in range(0x1000, 0x1011))


def executed(machine: Machine) -> tuple[ExitKind, int]:
    """How far CPU 0 comes at once."""
    exit_ = machine.board.engine.run(machine.board.cpus[0].registers, 10)
    return exit_.kind, exit_.executed


def test_a_real_engine_stops_there_until_nobody_asks_any_more() -> None:
    source = "start: nop\n nop\nhere: nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n hlt"
    machine = Guest(source).machine()
    place = frozenset((label(machine.board, "here"),))
    machine.board.addresses.watch("vector", place)
    assert executed(machine) == (ExitKind.BREAKPOINT, 2)
    again = Guest(source).machine()
    again.board.addresses.watch("vector", place)
    again.board.addresses.watch("injection", place)
    again.board.addresses.watch("vector", frozenset())
    assert executed(again) == (ExitKind.BREAKPOINT, 2)
    third = Guest(source).machine()
    third.board.addresses.watch("vector", place)
    third.board.addresses.watch("vector", frozenset())
    assert executed(third) == (ExitKind.BUDGET, 10)
