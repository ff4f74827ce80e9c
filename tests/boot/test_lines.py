"""Addresses lead to lines of source and back, also where the debug information is damaged."""

import os
import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from emu.boot.image import Image, Placed, load_image
from emu.boot.lines import LineTable
from emu.boot.symbols import SymbolMap
from tests.boot.guest import compiled

SHIM = Path(__file__).parents[2] / "samples" / "shim.elf"
BIAS = 0x4000_0000


def placed(image: Image) -> tuple[LineTable, SymbolMap]:
    """The image, moved to where no address is a link address."""
    items = (Placed("guest", image, BIAS),)
    return LineTable(items), SymbolMap(items)


def test_a_function_begins_in_its_own_line(guest: Image) -> None:
    lines, symbols = placed(guest)
    (work,), (start,) = symbols.find("work"), symbols.find("_start")
    assert lines.line_of(work) in (("src/guest.c", 19), ("src/guest.c", 20))
    assert lines.line_of(start) in (("src/guest.c", 27), ("src/guest.c", 28))


def test_a_line_leads_to_code_of_that_line(guest: Image) -> None:
    lines, symbols = placed(guest)
    for number, function in ((20, "work"), (28, "_start"), (30, "_start")):
        found = lines.addresses("src/guest.c", number)
        assert found == lines.addresses("guest.c", number)
        assert found == tuple(sorted(found)) and found
        for address in found:
            assert lines.line_of(address) == ("src/guest.c", number)
            assert symbols.name(address).partition("+")[0] == function


def test_what_has_no_line_is_none(guest: Image) -> None:
    lines, symbols = placed(guest)
    assert lines.line_of(symbols.find("total")[0]) is None
    assert lines.line_of(0) is None
    assert lines.line_of(guest.entry) is None, "a link address is no run address"
    assert lines.line_of(BIAS) is None
    assert lines.addresses("guest.c", 1) == ()
    assert lines.addresses("st.c", 20) == (), "only whole names of files"
    assert lines.addresses("", 20) == ()


def test_code_that_the_linker_dropped_has_no_address(guest: Image) -> None:
    lines, symbols = placed(guest)
    assert symbols.find("dropped") == []
    assert lines.addresses("guest.c", 24) == ()


def test_source_is_found_from_the_image_upwards(guest: Image) -> None:
    lines, _ = placed(guest)
    assert lines.text("src/guest.c", 20) == "    total += count * other.word;"
    assert lines.text("src/guest.c", 0) is None
    assert lines.text("src/guest.c", 10_000) is None
    assert lines.text("src/gone.c", 1) is None
    assert lines.text("", 1) is None
    assert lines.text("src\0/guest.c", 1) is None
    assert lines.text("/dev/zero", 1) is None


def test_two_images_of_one_file_answer_both(guest: Image) -> None:
    lines = LineTable((Placed("low", guest, BIAS), Placed("high", guest, 2 * BIAS)))
    low, high = lines.addresses("guest.c", 20)
    assert high - low == BIAS
    assert lines.line_of(low) == lines.line_of(high) == ("src/guest.c", 20)


def test_an_image_without_debug_information_has_no_lines(guest: Image) -> None:
    lines, _ = placed(replace(guest, data=b""))
    assert lines.line_of(guest.entry + BIAS) is None
    assert lines.addresses("guest.c", 20) == ()


def test_an_image_with_the_same_bytes_but_no_code_has_no_lines(guest: Image) -> None:
    assert placed(guest)[0].addresses("guest.c", 20)
    data = tuple(replace(segment, flags=6) for segment in guest.segments)
    assert placed(replace(guest, segments=data))[0].addresses("guest.c", 20) == ()
    assert placed(guest)[0].addresses("guest.c", 20)


def test_damage_never_raises(guest: Image) -> None:
    generator = random.Random(7)
    for _ in range(60):
        data = bytearray(guest.data)
        for _ in range(generator.randrange(1, 30)):
            data[generator.randrange(64, len(data))] = generator.randrange(256)
        lines, _ = placed(replace(guest, data=bytes(data)))
        lines.line_of(guest.entry + BIAS)
        lines.addresses("guest.c", 20)


def test_the_files_with_code_and_their_lines_are_listed(guest: Image) -> None:
    lines, _ = placed(guest)
    assert "src/guest.c" in lines.files()
    numbers = lines.numbers("src/guest.c")
    assert {20, 28, 30} <= set(numbers) and list(numbers) == sorted(set(numbers))
    assert 24 not in numbers, "the linker dropped it"
    assert lines.numbers("guest.c") == () == lines.numbers("gone.c")


def test_the_files_of_the_first_units_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    image = load_image(SHIM)
    every = LineTable((Placed("shim", image, 0),)).files()
    monkeypatch.setattr("emu.boot.lines.UNITS_LISTED_MAX", 1)
    few = LineTable((Placed("shim", image, 0),)).files()
    assert few and set(few) < set(every)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../../etc/passwd", "/dev/zero", "/proc/self/environ", "pipe.c",
             "folder.c", "a\0b.c", "\udcff.c", ".ssh/id_rsa", "large.c"],
)  # fmt: skip
def test_an_image_shows_source_alone(guest: Image, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe.c")
    (tmp_path / "folder.c").mkdir()
    with (tmp_path / "large.c").open("wb") as large:
        large.truncate(1 << 32)
    moved = replace(guest, path=tmp_path / "guest.elf")
    assert LineTable((Placed("guest", moved, BIAS),)).text(name, 1) is None


def test_a_kernel_of_the_upper_half_has_lines_where_it_runs(tmp_path: Path) -> None:
    high = ("-mcmodel=kernel", "-Wl,--image-base=0xffffffff81000000")
    kernel = load_image(compiled(tmp_path, *high))
    assert kernel.first == 0x100_0000, "where it is put"
    table = LineTable((Placed("kernel", kernel, 0),))
    start = next(one.address for one in kernel.symbols if one.name == "_start")
    assert start > 0xFFFF_FFFF_8100_0000
    assert table.line_of(start) == ("src/guest.c", 27)
    assert table.line_of(kernel.entry) is None
    assert start in table.addresses("guest.c", 27)
