"""DWARF expressions against the operations' descriptions (DWARF 5, 2.5.1 and table 7.9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.unwind.expression import evaluate

VALUES = {"rsp": 0x1000, "rip": 0x2008, "rbx": 5}


def read(address: int) -> int | None:
    """Memory that holds its own address plus 1, below 64 KiB."""
    return address + 1 if address < 0x10000 else None


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("30", 0), ("4f", 31), ("08fe", 0xFE), ("09fe", 2**64 - 2), ("0a3412", 0x1234),
        ("0bfeff", 2**64 - 2), ("0c78563412", 0x12345678), ("0dffffffff", 2**64 - 1),
        ("0e0100000000000080", 0x8000000000000001), ("10e58e26", 624485), ("117f", 2**64 - 1),
        ("7708", 0x1008), ("7778", 0xFF8), ("7300", 5), ("8000", 0x2008),
        ("770006", 0x1001), ("350808", 8), ("353612", 6), ("353612221e", 60),
        ("353622", 11), ("35361c", 2**64 - 1), ("35361e", 30), ("35361a", 4), ("353621", 7),
        ("353627", 3), ("313424", 16), ("403225", 4), ("331f", 2**64 - 3),
        ("3320", 2**64 - 4), ("353529", 1), ("35362e", 1), ("35362a", 0), ("35362b", 0),
        ("35362c", 1), ("35362d", 1), ("311f302d", 1), ("35361613", 6), ("35230a", 15),
        ("3596", 5),
        ("770880003f1a3b2a332422", 0x1008),
    ],
)  # fmt: skip
def test_an_operation_does_what_the_standard_says(code: str, value: int | None) -> None:
    assert evaluate(bytes.fromhex(code), VALUES, read, ()) == value


@pytest.mark.parametrize("code", ["", "22", "7600", "06", "08", "2fffff", "9c", "03", "0eff06"])
def test_what_cannot_be_known_has_no_value(code: str) -> None:
    assert evaluate(bytes.fromhex(code), VALUES, read, ()) is None


@given(st.binary(max_size=60), st.lists(st.integers(0, 2**64 - 1), max_size=3))
def test_any_bytes_have_a_value_or_none(code: bytes, stack: list[int]) -> None:
    found = evaluate(code, VALUES, read, tuple(stack))
    assert found is None or 0 <= found < 2**64
