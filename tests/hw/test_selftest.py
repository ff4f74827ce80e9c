"""The self-test proves every place that registers are read from: with any of them moved, it
fails."""

import ast
from pathlib import Path
from typing import Final

import pytest

from emu.hw import context
from emu.hw.context import OFFSETS
from emu.hw.selftest import OffsetProbe, offset_proofs, self_test

PROOFS: Final = offset_proofs(OffsetProbe())
SMALL: Final = 8
"""Bytes of a word; a place in the state is above it, and stands in the table."""


def test_all_holds_of_the_installed_emulator() -> None:
    assert [check for check in self_test() if not check.holds] == []


def test_every_place_is_proved() -> None:
    assert set().union(*(proof.names for proof in PROOFS)) == set(OFFSETS)


@pytest.mark.parametrize("name", OFFSETS)
@pytest.mark.parametrize("by", [-8, 8])
def test_a_place_that_is_moved_is_noticed(name: str, by: int) -> None:
    moved = OFFSETS | {name: max(OFFSETS[name] + by, 0)}
    if moved != OFFSETS:
        assert any(name in proof.wrong(moved) for proof in PROOFS)


def test_the_context_uses_no_place_beside_the_table() -> None:
    """No number stands where the state is read or written: only names from the table do."""
    tree = ast.parse(Path(context.__file__).read_text(encoding="utf-8"))
    places: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("words"):
            places.append(node.slice)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("._raw", "unpack_from", "pack_into", "segment_at")
        ):
            places += node.args
    numbers = [
        number.value
        for place in places
        for number in ast.walk(place)
        if isinstance(number, ast.Constant) and isinstance(number.value, int)
    ]
    assert len(places) > SMALL
    assert max(numbers) <= SMALL
