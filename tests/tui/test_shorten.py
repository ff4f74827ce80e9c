"""What does not fit loses names' middles and words, never a part of a value."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.text import clip_line, cut, fit, line, plain

VALUE = re.compile(r"(?<![\w.])(?:0x[0-9a-f]+|[0-9a-f]{8}_[0-9a-f]{8}|\d[\d,]*\.?\d*)(?![\w])")
"""Numbers as panels write them."""
NAMES = st.sampled_from(
    ["mailbox_wait", "wake_cpu", "secondary_idle", "mailbox_loop.inc", "emu::machine::run"]
)
SPOKEN = st.sampled_from(
    ["page", "fault", "writing", "nobody", "has", "started", "it", "(not", "present)", "waits",
     "for", "and", "or", "limit", "cpu", "tick", "of"]
)  # fmt: skip
VALUES = st.one_of(
    st.integers(0, 1 << 64).map(hex), st.integers(0, 1 << 48).map("{:,}".format),
    st.integers(0, 1 << 63).map(lambda one: f"{one >> 32:08x}_{one & 0xFFFFFFFF:08x}"),
)  # fmt: skip
PLACES = st.tuples(NAMES, st.integers(0, 4095)).map(lambda one: f"{one[0]}+{one[1]:#x}")
COMPARED = st.tuples(NAMES, st.sampled_from(["==", "!=", "<"]), VALUES).map(" ".join)
TEXTS = st.lists(st.one_of(NAMES, SPOKEN, VALUES, PLACES, COMPARED), max_size=12).map(" ".join)


@given(TEXTS, st.integers(0, 100))
def test_a_value_is_there_whole_or_not_at_all(text: str, width: int) -> None:
    found = cut(text, width)
    assert len(found) <= width
    assert set(VALUE.findall(found)) <= set(VALUE.findall(text))
    assert not re.search(r"\d…", found)
    assert found == text or "…" in found or width == 0


@given(st.lists(st.one_of(SPOKEN, PLACES), max_size=20), VALUES, VALUES)
def test_values_survive_at_80_cells(words: list[str], first: str, second: str) -> None:
    some = [*words[:4], first, *words[4:8], second, *words[8:]]
    found = cut(" ".join(some), 80)
    kept = VALUE.findall(found)
    assert len(found) <= 80
    assert {first, second} <= set(kept) or sum("+" in word for word in some) > 2


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["plain", "name", "dim"])), max_size=5),
       st.integers(0, 90))  # fmt: skip
def test_a_line_of_roles_is_shortened_as_its_text(pieces: list, width: int) -> None:
    styled = line(*pieces)
    found = fit(styled, width)
    assert len(plain(found)) <= width
    assert set(VALUE.findall(plain(found))) <= set(VALUE.findall(plain(styled)))
    assert len(plain(clip_line(styled, width))) <= width


@given(st.integers(8, 90))
def test_what_is_not_so_never_reads_as_if_it_were(width: int) -> None:
    said = "all 2 CPUs came online and the guest waits for notices; not offered: 2, 3"
    found = cut(said, width)
    assert ("not offered" in found) == ("offered" in found)


@given(st.text(max_size=200), st.integers(0, 40))
def test_any_text_fits(text: str, width: int) -> None:
    assert len(cut(text, width)) <= width


@pytest.mark.parametrize(
    ("text", "width", "says"),
    [
        ("mailbox_wait+0x10", 15, "mailb…wait+0x10"),
        ("mailbox_loop.inc:24", 15, "mailbo…p.inc:24"),
        ("command == 0 or command == 1", 14, "command == 0 …"),
        ("command != 1, apic_id != 3", 18, "command != 1, …"),
        ("cpu 3 shut down: page fault writing 0x9fff8 (not present)", 50,
         "cpu 3 shut down: page fault writing 0x9fff8 (not…"),
        ("page fault writing 0x9fff8 (not present)", 15, "… 0x9fff8 …"),
        ("[0xbfe004c] == 0x1", 16, "[…fe004c] == 0x1"),
        ("[0xbfe004c] == 0x1", 13, "[…04c] == 0x1"), ("[0xbfe004c] == 0x1", 11, "[…"),
        ("ap_info+0xc == 0x2", 14, "a…o+0xc == 0x2"), ("command == 1", 8, "c…d == 1"),
        ("mailbox command == 1", 16, "… command == 1"),
        ("nobody has started it", 15, "nobody has sta…"),
        ("1,234,567,890", 8, "…"), ("00000000_08801000", 12, "…"),
    ],
)  # fmt: skip
def test_what_is_spared_first(text: str, width: int, says: str) -> None:
    assert cut(text, width) == says


def test_a_column_is_not_shortened_for_the_next_one() -> None:
    row = line(("  3,520,311  ", "dim"), ("cpu 2  ", "number"),
               ("page fault writing 0x9fff8 (not present)", "plain"))  # fmt: skip
    assert plain(fit(row, 40)) == "  3,520,311  cpu 2  … writing 0x9fff8 …"


def test_a_very_long_text_is_shortened_at_once() -> None:
    assert cut("0x1 " + "word " * 200_000, 20).startswith("0x1 ")
