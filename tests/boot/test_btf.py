"""A kernel's BTF: layouts of the structs asked for, whatever stands between them."""

from hypothesis import given
from hypothesis import strategies as st

from emu.boot.btf import BtfMember, BtfStruct, structs
from tests.boot.btf import section

POINT = ("point", 24, [("x", 0, 0), ("y", 64, 0), ("deep", 128, 0)])
FLAGS = ("flags", 4, [("low", 0, 5), ("high", 5, 3), ("rest", 8, 24)])
DATA = section([POINT, ("points", 8, []), FLAGS, ("int", 1, [("point", 0, 0)])])


def test_structs_are_found_with_size_offsets_and_bit_fields() -> None:
    assert structs(DATA, ["point", "flags", "missing"]) == {
        "point": BtfStruct(
            24, {"x": BtfMember(0, 0), "y": BtfMember(64, 0), "deep": BtfMember(128, 0)}
        ),
        "flags": BtfStruct(
            4, {"low": BtfMember(0, 5), "high": BtfMember(5, 3), "rest": BtfMember(8, 24)}
        ),
    }
    assert structs(DATA, ["point"])["point"].at("deep") == 16


def test_what_is_none_has_none() -> None:
    assert structs(b"", ["point"]) == structs(bytes(64), ["point"]) == {}
    assert structs(b"\xeb\x9f" + DATA[2:], ["point"]) == {}, "of the other byte order"


@given(st.integers(0, len(DATA)), st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_a_damaged_section_is_read_as_far_as_it_goes(end: int, at: int, value: int) -> None:
    data = bytearray(DATA)
    data[at] = value
    found = structs(bytes(data[:end]), ["point", "flags"])
    assert found.keys() <= {"point", "flags"}
