"""What people give is read, bounded, or refused in one sentence that can be shown anywhere."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import ApdbgError, CommandError
from emu.given.files import live_file, new_file, read_file
from emu.given.number import begins_a_number, how_often, is_digits, number, parsed
from emu.given.plain import plain, plain_json, shown
from emu.given.toml import table_of

DIGITS = [chr(code) for code in range(0x110000) if chr(code).isdigit() and code > 0x7F]
"""Every digit of Unicode that is none of 0 to 9: some 700."""


@given(st.text())
def test_no_text_moves_a_terminal(text: str) -> None:
    found = plain(text)
    assert all(
        character in "\n\t" or unicodedata.category(character)[0] != "C" for character in found
    )
    assert plain(found) == found
    found.encode("utf-8")


@given(st.text(alphabet=st.characters()))
def test_json_is_visible_and_says_the_same(text: str) -> None:
    found = plain_json(json.dumps(text, ensure_ascii=False))
    assert plain(found) == found and json.loads(found) == text


def test_bytes_of_a_name_that_are_no_utf_8_are_spelled_out() -> None:
    assert plain(os.fsdecode(b"b\xff.elf")) == "b\\xff.elf"


@pytest.mark.parametrize("text", ["\x1b]0;x\x07", "\x9b2J", "a\u202eb", "\u2028", "\r", "\0"])
def test_what_terminals_obey_is_spelled_out(text: str) -> None:
    assert "\\" in plain(text)


@given(st.one_of(st.text(), st.integers(), st.lists(st.text())))
def test_what_an_error_repeats_is_one_short_line(value: object) -> None:
    assert len(shown(value)) < 100 and "\n" not in shown(value)


def test_a_huge_number_is_told_by_its_size() -> None:
    assert shown(1 << 40_000) == "a number of 40,001 bits"


@pytest.mark.parametrize("digit", ["²", "٣", "\uff19"])
def test_only_0_to_9_are_digits(digit: str) -> None:
    assert digit in DIGITS
    assert not is_digits(digit) and not begins_a_number(digit)
    assert [one for one in DIGITS if is_digits(one) or parsed(one) is not None] == []


@given(st.text(alphabet="0123456789abcdefx_,+- ²", max_size=20))
def test_a_number_is_a_number_or_a_sentence(text: str) -> None:
    try:
        assert number(text, "it") == int(text.replace(",", "_"), 0)
    except CommandError as error:
        assert str(error).startswith("it: ")


@pytest.mark.parametrize("text", ["9" * 5_000, "0x" + "f" * 5_000])
def test_thousands_of_digits_are_no_number(text: str) -> None:
    with pytest.raises(CommandError, match="is not a number") as found:
        number(text, "it")
    assert len(str(found.value)) < 200


def test_no_time_at_all_is_none() -> None:
    assert how_often("1", "it") == 1
    with pytest.raises(CommandError, match="it: 0 is none: at least one"):
        how_often("0x0", "it")


def test_what_is_no_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, says in (
        ("/dev/zero", "is no file"), (str(tmp_path / "pipe"), "is no file"),
        (str(tmp_path), "is a directory"), ("a\0b", "is no name of a file"),
        (str(tmp_path / "gone"), "cannot be read: No such file"),
    ):  # fmt: skip
        with pytest.raises(ApdbgError, match=says):
            read_file(name, 10)


def test_a_file_is_read_up_to_its_bound_and_no_further(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"0123456789")
    assert read_file(place, 10) == b"0123456789"
    with pytest.raises(ApdbgError, match="file: is larger than 9 bytes"):
        read_file(place, 9)


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), new_file(place) as file:
        file.write(b"half of it")
        raise ZeroDivisionError
    assert place.read_bytes() == b"before" and list(tmp_path.iterdir()) == [place]
    with new_file(place) as file:
        file.write(b"after")
    assert place.read_bytes() == b"after" and list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("name", ["nowhere/x", "a\0b", "/dev/full"])
def test_what_cannot_be_written_is_one_sentence(name: str) -> None:
    with (
        pytest.raises(ApdbgError, match=r"cannot be written|is no name"),
        new_file(name) as out,
    ):
        out.write(b"x")
    if name != "/dev/full":
        with pytest.raises(ApdbgError, match=r"cannot be written|is no name"), live_file(name):
            pass


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1" * 2, "is no TOML"), (f"x = {'9' * 5_000}", "is no TOML: Exceeds the limit"),
        (f"x = 0x{'f' * 5_000}", "x: a number of 20,000 bits"),
        (f"x = {'[' * 5_000}", "nested too deep"),
        (f"x = {'[' * 40}{']' * 40}", "x: is nested too deep"),
        (b"\xff", "byte 0 is no UTF-8"),
    ],
)  # fmt: skip
def test_toml_that_is_none_is_one_sentence(text: str | bytes, says: str) -> None:
    with pytest.raises(ApdbgError, match=f"^file: {says}|^file: .*{says}") as found:
        table_of(text, "file")
    assert len(str(found.value)) < 200


@given(st.text(max_size=60))
def test_any_text_is_a_table_or_a_sentence(text: str) -> None:
    try:
        assert isinstance(table_of(text, "file"), dict)
    except ApdbgError as error:
        assert str(error).startswith("file: ")


@given(st.text(max_size=40), st.integers(0, 100_000))
def test_a_sentence_is_no_longer_than_one_reads(text: str, count: int) -> None:
    told = str(ApdbgError(f"{text}{'x' * count}: there is none"))
    assert len(told) < 1_600 and told.endswith("x: there is none"[count == 0 :])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("146,961", 146_961), ("1,000,000", 1_000_000), ("-1,000", -1_000), ("1_0", 10),
        ("4,16", None), ("1,2", None), ("1,0000", None), (",100", None), ("100,", None),
        ("1,,000", None), ("0x1,000", None), ("1,00_0", None),
    ],
)  # fmt: skip
def test_a_comma_stands_between_thousands_and_makes_no_number_of_two(
    text: str, value: int | None
) -> None:
    assert parsed(text) == value
