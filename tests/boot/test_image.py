"""An image is read for what it is, and every file that cannot boot ends in one sentence."""

import os
import resource
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.boot.image import (
    ADDRESS_END,
    FILE_BYTES_MAX,
    NAME_BYTES_MAX,
    Placed,
    load_image,
    parse_image,
)
from emu.boot.samples import samples_dir
from emu.boot.symbols import SymbolMap
from emu.errors import ImageError
from tests.boot.elf import (
    CODE,
    DYNAMIC,
    EXECUTABLE,
    INTERPRETER,
    NOTYPE,
    OBJECT,
    PIE,
    Load,
    Sym,
    elf,
    image,
)

HERE = Path("tiny.elf")


def complaint(data: bytes) -> str:
    """What is said about a file with these bytes."""
    with pytest.raises(ImageError) as error:
        parse_image(HERE, data)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_pie_is_read_as_it_is() -> None:
    data = elf(Load(0x1000, CODE, 0x3000), Load(0x5000, b"data", flags=6), entry=0x1004)
    found = parse_image(HERE, data)
    assert (found.kind, found.entry, found.first, found.size) == ("pie", 0x1004, 0x1000, 0x4004)
    assert [(s.address, s.data, s.memory_bytes, s.flags) for s in found.segments] == [
        (0x1000, CODE, 0x3000, 5),
        (0x5000, b"data", 4, 6),
    ]
    assert found.data == data


def test_an_executable_is_told_from_a_pie() -> None:
    assert image(Load(0x10_0000), kind=EXECUTABLE).kind == "executable"


def test_the_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    place = tmp_path / "tiny.elf"
    place.write_bytes(elf() + b"more")
    assert load_image(place).sha256 != image().sha256


@pytest.mark.parametrize("name", ["shim", "kernel", "reset"])
def test_the_samples_are_images(name: str) -> None:
    found = load_image(samples_dir() / f"{name}.elf")
    assert found.symbols
    assert found.first <= found.entry < found.first + found.size


# -- what is refused --------------------------------------------------------------------------

FOREIGN = [
    (elf(ident=b"\x7fELF\x01\x01\x01", machine=3), "32-bit x86"),
    (elf(ident=b"\x7fELF\x01\x01\x01"), "32-bit x86-64 (x32)"),
    (elf(machine=183), "AArch64"),
    (elf(machine=40), "Arm"),
    (elf(machine=4711), "another machine"),
    (elf(ident=b"\x7fELF\x02\x02\x01"), "a big-endian machine"),
]


@pytest.mark.parametrize(("data", "other"), FOREIGN)
def test_a_foreign_file_is_told_by_its_machine(data: bytes, other: str) -> None:
    expected = f"tiny.elf: is for {other}; apdbg boots little-endian x86-64"
    assert complaint(data) == expected


REFUSED = [
    (b"", "is not an ELF file"),
    (b"no idea", "is not an ELF file: if these are the bytes of a mailbox loop, "
     "`apdbg --ap-loop FILE` runs it"),
    (b"IGVM" + bytes(100), "is an IGVM file, and what boots here is an ELF file: "
     "`apdbg inspect` says what is in it"),
    (bytes(0x202) + b"HdrS", "is a Linux bzImage, and what boots here is an ELF file: "
     "`apdbg FILE` boots the kernel in it"),
    (elf()[:40], "is cut off inside the ELF header"),
    (elf()[:100], "is cut off inside the program headers"),
    (elf()[:150], "segment 0 is cut off: 150 bytes of 184 are there"),
    (elf(kind=1), "is no executable (ELF type 1): link it first"),
    (elf(Load(0), Load(0, b"/lib/ld.so\0", type=INTERPRETER)),
     "is dynamically linked; apdbg boots static images"),
    (elf(Load(0, type=DYNAMIC)), "has nothing to load"),
    (elf(Load(0, memory=0)), "has nothing to load"),
    (elf(entry=0x9999), "the entry point 0x9999 lies in no segment"),
    (elf(Load(0, memory=8)), "segment 0 has more bytes in the file than in memory"),
    (elf(Load(0, memory=5 << 30)), "segment 0 asks for 5,368,709,120 bytes of memory"),
    (elf(Load(0xFFFF_FFFE_8100_0000)),
     "segment 0 lies at 0xfffffffe81000000, beyond all physical memory"),
    (elf(Load(ADDRESS_END - 4)),
     "segment 0 lies at 0xfffffffffc, beyond all physical memory"),
    (elf(Load(0, file=1 << 63)),
     "segment 0 is cut off: 184 bytes of 9,223,372,036,854,775,928 are there"),
    (elf(Load(0, memory=0x2000), Load(0x1000)), "segments overlap at 0x1000"),
    (elf(Load(0x1000), Load(0, memory=0x2000)), "segments overlap at 0x1000"),
    (elf(Load(0), Load(2 << 30)), "its segments span more than 1024 MiB"),
    (elf(*(Load(index << 12, b"", offset=0, file=200, memory=200) for index in range(9))),
     "its segments share bytes of the file"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), REFUSED)
def test_what_cannot_boot_is_refused_with_its_reason(data: bytes, expected: str) -> None:
    assert complaint(data) == f"tiny.elf: {expected}"


def test_thousands_of_program_headers_are_refused() -> None:
    data = bytearray(elf())
    struct.pack_into("<H", data, 56, 0xFFFF)
    assert complaint(bytes(data)) == "tiny.elf: has 65535 program headers of 56 bytes"


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, expected in (
        ("gone.elf", "cannot be read: No such file or directory"),
        (".", "is a directory"),
        ("pipe", "is no file"),
        ("a\0b", "is no name of a file"),
        ("a" * 5000, "cannot be read: File name too long"),
    ):
        with pytest.raises(ImageError, match=expected):
            load_image(tmp_path / name)


def test_a_file_of_gigabytes_is_refused_at_once(tmp_path: Path) -> None:
    place = tmp_path / "huge.elf"
    with place.open("wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(ImageError, match=f"larger than {FILE_BYTES_MAX >> 20} MiB"):
        load_image(place)


@given(st.data())
def test_any_damage_to_the_headers_ends_well(data: st.DataObject) -> None:
    loads = (Load(0), Load(0x1000, b"data", flags=6))
    whole = elf(*loads, symbols=(Sym("one", 0), Sym("two", 2)))
    broken = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)):
        broken[place] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(whole)) | st.just(len(whole)))
    try:
        found = parse_image(HERE, bytes(broken[:length]))
    except ImageError as error:
        assert str(error).startswith("tiny.elf: ")
        return
    names = SymbolMap((Placed("tiny", found, 0),))
    for symbol in found.symbols:
        names.name(symbol.address)


# -- symbols ----------------------------------------------------------------------------------


def placed(*symbols: Sym, bias: int = 0, name: str = "tiny", size: int = 0x100) -> Placed:
    """An image of one segment with these symbols."""
    return Placed(name, image(Load(0, CODE, size), symbols=symbols), bias)


def test_an_address_has_the_name_of_its_function() -> None:
    names = SymbolMap((placed(Sym("wait", 0, 8), Sym("jump", 8, 8), bias=0x1000),))
    assert names.name(0x1000) == "wait"
    assert names.name(0x1006) == "wait+0x6"
    assert names.name(0x1008) == "jump"
    assert names.name(0x1010) == ""
    assert names.name(0xFFF) == ""
    assert names.nearest(0x1009) == ("jump", 0x1008)


def test_a_symbol_without_a_size_reaches_to_the_next_or_to_the_end_of_its_segment() -> None:
    loads = (Load(0, CODE, 0x40), Load(0x1000, b"data", 0x100, flags=6))
    symbols = (Sym("label", 4, type=NOTYPE), Sym("after", 16), Sym("cell", 0x1010))
    names = SymbolMap((Placed("tiny", image(*loads, symbols=symbols), 0),))
    assert names.name(15) == "label+0xb"
    assert names.name(0x3F) == "after+0x2f"
    assert names.name(0x40) == ""
    assert names.name(0x10FF) == "cell+0xef"
    assert names.name(0x1100) == ""


def test_a_function_wins_over_a_label_at_its_address() -> None:
    names = SymbolMap((placed(Sym("a_label", 4, type=NOTYPE), Sym("function", 4, 8)),))
    assert names.name(6) == "function+0x2"
    assert names.find("a_label") == names.find("function") == [4]


def test_a_name_in_two_images_is_found_in_both_or_asked_of_one() -> None:
    wait = Sym("wait", 4, 4)
    names = SymbolMap((placed(wait, bias=0x1000), placed(wait, bias=0x2000, name="kernel")))
    assert names.find("wait") == [0x1004, 0x2004]
    assert names.find("kernel:wait") == [0x2004]
    assert names.find("reset:wait") == []
    assert names.names() == ["kernel:wait", "tiny:wait", "wait"]


def test_only_what_lies_in_the_image_is_a_name() -> None:
    found = image(
        symbols=(
            Sym("there", 4, type=OBJECT),
            Sym("undefined", 4, section=0),
            Sym("absolute", 4, section=0xFFF1),
            Sym("file.c", 4, type=4),
            Sym("section", 4, type=3),
            Sym("", 4),
            Sym("far", 1 << 60),
        )
    )
    assert [symbol.name for symbol in found.symbols] == ["there"]


def test_a_name_without_an_end_is_dropped() -> None:
    symbols = (Sym("a" * (NAME_BYTES_MAX + 10), 4), Sym("good", 8))
    assert [symbol.name for symbol in image(symbols=symbols).symbols] == ["good"]


@pytest.mark.parametrize("offset", [24, 32, 40, 56])
def test_a_damaged_symbol_table_only_costs_the_names(offset: int) -> None:
    data = bytearray(elf(symbols=(Sym("one", 4),)))
    struct.pack_into("<Q", data, len(data) - 128 + offset, 1 << 62)
    assert parse_image(HERE, bytes(data)).symbols == ()


def test_a_hostile_symbol_table_costs_little_time_and_memory() -> None:
    """Each of 290,000 names shares the bytes of one string of 4,000."""
    count, base = 290_000, 64 + 56 + len(CODE)
    rows = b"".join(struct.pack("<IBBHQQ", n % 3_900, 2, 0, 1, n, 0) for n in range(count))
    strings = b"a" * 4_000 + b"\0"
    sections = struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, base, len(rows), 1, 0, 8, 24)
    sections += struct.pack(
        "<IIQQQQIIQQ", 0, 3, 0, 0, base + len(rows), len(strings), 0, 0, 1, 0
    )
    data = bytearray(elf() + rows + strings + sections)
    struct.pack_into("<Q", data, 40, base + len(rows) + len(strings))
    struct.pack_into("<H", data, 60, 2)
    before, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert parse_image(HERE, bytes(data)).symbols
    assert time.process_time() - before < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 200 << 10


def test_kinds_are_what_the_header_says() -> None:
    assert {image(kind=kind).kind for kind in (EXECUTABLE, PIE)} == {"executable", "pie"}
