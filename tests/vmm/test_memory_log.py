"""What stands in a boot shim's memory log, entry by entry and byte by byte.

The tables are those of openvmm, `support/string_page_buf/src/lib.rs` (`EntryHeader`,
`level_to_byte`), and of `openhcl_boot/src/boot_logger.rs` before entries had headers.
"""

import struct

import pytest

from emu.vmm.memory_log import finished, read_header

LEVELS = {"error": 0, "warn": 1, "info": 2, "debug": 3, "trace": 4}


def entry(level: int, text: str) -> bytes:
    """As `append_with_level` stores it."""
    data = text.encode()
    return struct.pack("<BH", level, len(data)) + data


@pytest.mark.parametrize("level", LEVELS)
def test_an_entry_says_its_level_and_its_words(level: str) -> None:
    data = entry(LEVELS[level], "two nodes: 数据")
    words = f"[{level.upper()}] two nodes: 数据"
    assert finished(data) == ([(level, words)], len(data))


def test_an_entry_is_finished_when_all_of_it_is_there() -> None:
    data = entry(2, "hello")
    for cut in range(len(data)):
        assert finished(data[:cut]) == ([], 0)


def test_entries_stand_behind_each_other() -> None:
    data = entry(0, "hi") + entry(1, "bye") + entry(2, "") + entry(4, "cut off")
    whole = data[: -len("off")]
    lines, used = finished(whole)
    assert lines == [("error", "[ERROR] hi"), ("warn", "[WARN] bye")]
    assert used == len(entry(0, "hi") + entry(1, "bye") + entry(2, ""))


def test_an_entry_of_several_lines_is_several_and_its_level_stands_once() -> None:
    data = entry(0, "panicked at src/main.rs:12:5:\nno memory\n")
    assert finished(data)[0] == [
        ("error", "[ERROR] panicked at src/main.rs:12:5:"), ("error", "no memory"),
    ]  # fmt: skip


def test_text_is_lines_and_a_level_is_read_where_one_stands() -> None:
    data = b"[INFO] boot shim\nplain\r\n\n[x] none\n[WARN]\nnot yet"
    lines, used = finished(data)
    assert lines == [
        ("info", "[INFO] boot shim"), ("", "plain"), ("", "[x] none"), ("warn", "[WARN]"),
    ]  # fmt: skip
    assert data[used:] == b"not yet"


def test_a_line_that_never_ends_is_cut() -> None:
    lines, used = finished(b"x" * 3_000)
    assert (used, [len(one.text) for one in lines]) == (2_048, [1_024, 1_024])


def test_bytes_that_are_no_text_are_lines_all_the_same() -> None:
    lines, _ = finished(b"\xff\xfe\n")
    assert [one.text for one in lines] == ["\ufffd\ufffd"]


@pytest.mark.parametrize(
    ("capacity", "used", "size", "fits"),
    [
        (8186, 0, 8192, True), (8186, 8186, 8192, True), (8186, 8187, 8192, False),
        (0, 0, 8192, False), (8187, 0, 8192, False), (4090, 5, 4096, True),
    ],
)  # fmt: skip
def test_a_header_is_one_if_its_numbers_can_be_true(
    capacity: int, used: int, size: int, fits: bool
) -> None:
    header = read_header(struct.pack("<HHH", capacity, used, 3) + b"more")
    assert (header.capacity, header.used, header.dropped) == (capacity, used, 3)
    assert header.fits(size) is fits
