"""The order in which a loop reads is told from its code, and its verdict is the table's."""

import pytest

from emu.mailbox.dialect import BY_NAME, Load, LoopCode
from emu.mailbox.order import order_of, order_words
from tests.mailbox.orders_table import verdicts

COMMAND, ID, BOTH, VECTOR = ("command", 4), ("apic_id", 4), ("command", 8), ("vector", 8)
LOADS: dict[str, tuple[Load, ...]] = {
    "command, id": (COMMAND, ID, VECTOR),
    "id, command": (ID, COMMAND, VECTOR),
    "command, id, command again": (COMMAND, ID, COMMAND, VECTOR),
    "one 8-byte load": (BOTH, VECTOR),
}


def test_each_row_of_the_table_is_told_from_its_loads() -> None:
    assert {order for order, _ in verdicts()} == set(LOADS)


@pytest.mark.parametrize(("order", "bits"), list(verdicts()))
def test_the_verdict_is_that_of_the_table(order: str, bits: int) -> None:
    code = LoopCode(LOADS[order], bits // 8)
    assert order_of(code) == (order, bits)
    assert f": {verdicts()[order, bits]} " in order_words(code)
    late = LoopCode(LOADS[order], bits // 8, late=True)
    assert f": {verdicts()[order, bits]}, but for the vector" in order_words(late)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("openhcl", ("id, command", 16)), ("td-shim", ("id, command", 64)),
     ("edk2", ("command, id, command again", 64))],
)  # fmt: skip
def test_the_firmwares_are_where_the_table_has_them(name: str, expected: object) -> None:
    loop = BY_NAME[name].loop
    assert loop is not None and order_of(loop) == expected


@pytest.mark.parametrize("code", [LoopCode((COMMAND,), 2), LoopCode(LOADS["command, id"], 0)])
def test_of_others_nothing_is_said(code: LoopCode) -> None:
    assert order_of(code) is None and "has not" in order_words(code)
