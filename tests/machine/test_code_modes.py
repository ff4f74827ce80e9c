"""Where code of another kind begins is known from those who executed it."""

import pytest

from emu.machine import code_modes
from emu.machine.code_modes import CodeModes
from tests.guest import Guest, finish, label


def test_a_cpu_s_first_instruction_is_known_and_nothing_is_noted_where_nothing_changes() -> (
    None
):
    board = finish(Guest("start: nop\nnext: nop\nhlt", cpus=2).driver())
    assert board.code_modes.at(label(board, "start")) == "long"
    assert board.code_modes.at(label(board, "next")) is None
    assert board.code_modes.version == 1


def test_a_place_is_known_as_it_was_executed_last() -> None:
    modes = CodeModes()
    modes.note(0x1000, "real")
    modes.note(0x1000, "long")
    assert (modes.at(0x1000), modes.version) == ("long", 2)
    modes.note(0x1000, "long")
    assert modes.version == 2


def test_the_nearest_places_come_first_and_of_too_many_the_oldest_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(code_modes, "PLACES_MAX", 3)
    modes = CodeModes()
    for address in (0x4000, 0x1000, 0x3000, 0x2000):
        modes.note(address, "long")
    assert modes.nearest(0x2100) == [(0x2000, "long"), (0x3000, "long"), (0x1000, "long")]
