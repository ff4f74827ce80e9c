"""IGVM files are read as they are written, and what is wrong with one is one sentence."""

import random
import struct
from pathlib import Path

import pytest

from emu.errors import ApdbgError, ImageError
from emu.igvm.file import parse_igvm
from emu.igvm.headers import KINDS, PageData
from emu.igvm.measure import digest
from emu.igvm.told import lines
from shim.igvm import SNP, TDX, VBS, File
from tests.igvm.builder import MASK, of_pages, sealed

SIZES = {
    0x001: 16, 0x101: 16, 0x102: 48, 0x103: 32, 0x104: 16, 0x105: 16, 0x106: 32, 0x301: 16,
    0x302: 24, 0x303: 16, 0x304: 20, 0x305: 24, 0x307: 8, 0x308: 8, 0x309: 8, 0x30A: 8,
    0x30B: 696, 0x30C: 8, 0x30D: 16, 0x30E: 8, 0x30F: 8, 0x310: 8, 0x311: 864, 0x312: 8,
    0x313: 8,
}  # fmt: skip
"""igvm_defs/src/lib.rs: the structures of IgvmVariableHeaderType."""


def complaint(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        parse_igvm(Path("some.igvm"), data)
    return str(caught.value).removeprefix("some.igvm: ")


def test_every_header_has_the_size_of_its_structure() -> None:
    assert {kind: one.LAYOUT.size for kind, one in KINDS.items()} == SIZES


@pytest.mark.parametrize("version", [1, 2])
def test_what_was_written_is_read(version: int) -> None:
    file = File(version).platform(TDX, shared=1 << 47).page(0x8000, b"code", flags=2)
    found = parse_igvm(Path("some.igvm"), file.bytes())
    (platform,), (page,) = found.platforms, found.on(found.platforms[0])
    assert (platform.name, platform.highest_vtl, platform.shared_boundary) == (
        "TDX",
        2,
        1 << 47,
    )
    assert isinstance(page, PageData)
    assert (page.gpa, page.flags, page.mask) == (0x8000, 2, MASK)
    assert found.data(page.file_offset, 5) == b"code\0"
    assert (found.version, found.architecture) == (version, "x64")


def test_headers_that_nobody_needs_to_know_are_passed_over() -> None:
    file = File().platform(TDX).header(0x8000_0399, b"what")
    assert parse_igvm(Path("x"), file.bytes()).skipped == ((0x30, 0x8000_0399),)


GOOD = of_pages(TDX).bytes()
TABLES = struct.pack("<IHBBQQQ", 1, 0, 2, 0, 0x50000, 0x2000, 0x1000)
LATER = struct.pack("<IHBBQQQ", 1, 0, 2, 0, 0x60000, 0x2000, 0x1000)
CORIM = struct.pack("<IIII", 1, 0, 1, 0)
WRONG = [
    (b"IGVM", "is cut off inside the IGVM header"),
    (GOOD[:-1], "has 4,527 bytes, and its header says 4,528"),
    (sealed(GOOD[:4] + b"\3" + GOOD[5:]), "is IGVM version 3; apdbg reads 1 and 2"),
    (GOOD[:0x30] + b"\xff" + GOOD[0x31:], "is damaged: the checksum of its headers is"),
    (sealed(GOOD[:8] + b"\x10" + GOOD[9:]), "its variable headers begin at 0x10, in the fixed"),
    (sealed(GOOD[:8] + b"\x1c" + GOOD[9:]), "its variable headers begin at 0x1c, no multiple"),
    (File(2, architecture=7).platform(TDX).bytes(), "is for architecture 7"),
    (File().bytes(), "names no platform that it is for"),
    (File().platform(TDX, mask=3).bytes(), "SUPPORTED_PLATFORM at 0x18: mask 0x3 has not one"),
    (File().platform(TDX, vtl=1).bytes(), "SUPPORTED_PLATFORM at 0x18: highest VTL 1 is neit"),
    (File().platform(77).bytes(), "SUPPORTED_PLATFORM at 0x18: nobody knows platform type 77"),
    (File().platform(VBS, shared=4096).bytes(), "SUPPORTED_PLATFORM at 0x18: VBS has no shar"),
    (File().platform(TDX).platform(TDX, mask=2).bytes(), "names a platform twice"),
    (File().platform(TDX).platform(VBS).bytes(), "gives two platforms one mask"),
    (File().page(0).platform(TDX).bytes(), "SUPPORTED_PLATFORM at 0x38: stands behind its se"),
    (File().platform(TDX).header(0x306, bytes(8)).bytes(), "header at 0x30: nobody knows type"),
    (File().platform(TDX).header(0x302, bytes(23)).bytes(), "PAGE_DATA at 0x30: has 23 bytes"),
    (File().platform(TDX).page(0x123).bytes(), "PAGE_DATA at 0x30: gpa 0x123 is no multiple"),
    (File().platform(TDX).page(0, kind=9).bytes(), "PAGE_DATA at 0x30: nobody knows page typ"),
    (File().platform(TDX).page(0, flags=1).bytes(), "PAGE_DATA at 0x30: a page of 2 MiB"),
    (File().platform(TDX).page(0, flags=8).bytes(), "PAGE_DATA at 0x30: nobody knows flags 0"),
    (File().platform(TDX).page(0, mask=2).bytes(), "PAGE_DATA at 0x30: mask 0x2 names no pla"),
    (File().platform(TDX).insert(4, 0).bytes(), "PARAMETER_INSERT at 0x30: there is no area "),
    (File().platform(TDX).area(4, 4096).area(4, 4096).bytes(), "PARAMETER_AREA at 0x48: are"),
    (File().platform(TDX).area(4, 4096).insert(4, 0).insert(4, 4096).bytes(),
     "PARAMETER_INSERT at 0x60: there is no area 4"),
    (File().platform(TDX).area(4, 4096).header(0x312, struct.pack("<II", 4, 4096)).bytes(),
     "DEVICE_TREE at 0x48: byte 0x1000 is not in area 4"),
    (File().platform(TDX).area(4, 1 << 40).bytes(), "PARAMETER_AREA at 0x30: size 0x100000000"),
    (File(2).platform(6).bytes(), "SUPPORTED_PLATFORM at 0x20: Arm CCA is not for x64"),
    (File(2, architecture=1).platform(TDX).bytes(), "SUPPORTED_PLATFORM at 0x20: TDX is not f"),
    (File().platform(VBS).header(0x103, TABLES).header(0x103, LATER)
     .vbs_context({0x20010: 1}).bytes(),
     "PAGE_TABLE_RELOCATION_REGION at 0x58: is the second one of its platform"),
    (File().platform(VBS).header(0x103, TABLES).page(0).bytes(),
     "PAGE_TABLE_RELOCATION_REGION at 0x30: no VP_CONTEXT has tables in it"),
    (File().platform(VBS).header(0x103, TABLES).area(1, 8192).vbs_context({0x20010: 1})
     .insert(1, 0x4F000).bytes(), "PARAMETER_INSERT at 0x90: lies among page tables that move"),
    (File().platform(TDX).header(0x105, CORIM, 4, b"ab").bytes(),
     "CORIM_SIGNATURE at 0x30: signs no document"),
    (File().platform(TDX).header(0x104, CORIM, 4, b"ab").header(0x104, CORIM, 4, b"c").bytes(),
     "CORIM_DOCUMENT at 0x48: is the second one of its platform"),
    (File().platform(TDX).header(0x302, struct.pack("<QIIIHH", 0, 1, 24, 0, 0, 0)).bytes(),
     "PAGE_DATA at 0x30: its data at 0x18 is not in the file"),
    (File().platform(TDX).header(0x302, struct.pack("<QIIIHH", 0, 1, 9999, 0, 0, 0)).bytes(),
     "PAGE_DATA at 0x30: its data at 0x270f is not in the file"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "words"), WRONG)
def test_what_is_wrong_is_said(data: bytes, words: str) -> None:
    assert complaint(data).startswith(words)


def test_padding_is_zero() -> None:
    data = bytearray(File().platform(VBS).vbs_context({0x20010: 1}).bytes())
    data[0x18 + 24 + 8 + 20] = 1
    assert complaint(sealed(bytes(data))) == "header at 0x30: is not padded with zeros"


def test_regions_that_move_do_not_overlap() -> None:
    region = struct.pack("<IHBBQQQQQ", 1, 0, 2, 7, 4096, 0x8000, 0x4000, 0, 1 << 40)
    file = File().platform(VBS).header(0x102, region).header(0x102, region)
    assert complaint(file.bytes()) == "RELOCATABLE_REGION at 0x68: overlaps the one at 0x30"


@pytest.mark.parametrize("platform", [SNP, TDX, VBS])
def test_a_damaged_file_is_a_sentence_or_a_file(platform: int) -> None:
    """Any damage, with the sums put right so that what lies behind them is reached."""
    dice = random.Random(platform)
    file = of_pages(platform).area(1, 0x2000).insert(1, 0x40000)
    whole = (file.vbs_context({0x20010: 5}) if platform == VBS else file).bytes()
    headers = 0x18 + int.from_bytes(whole[0xC:0x10], "little")
    for _ in range(2_000):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 1, 2, 5))):
            at = dice.randrange(8, headers)
            data[at] = dice.choice((0, 1, 2, 4, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        try:
            found = parse_igvm(Path("some.igvm"), sealed(bytes(data)))
            for one in found.platforms:
                digest(found, one)
            assert list(lines(found))
        except ApdbgError as error:
            assert str(error).startswith("some.igvm: ") and "\n" not in str(error)


def test_headers_that_would_cost_all_memory_are_refused() -> None:
    """32 bytes of a file are 4 KiB of a guest: 2 MiB of headers would be 256 MiB."""
    one = File().platform(TDX).page(0).bytes()
    page = one[-32:]
    head = bytearray(one[:-32] + page * 65_537)
    struct.pack_into("<I", head, 0xC, len(head) - 0x18)
    assert complaint(sealed(bytes(head))) == (
        "lays 65,537 pages down on TDX, and 65,536 are the most"
    )
