"""A file that may move is moved where its place is no memory, or where somebody says."""

import struct
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.errors import ApdbgError
from emu.hw.address import PAGE_BYTES
from emu.igvm.file import parse_igvm
from emu.igvm.relocation import Relocation, relocation
from shim.igvm import VBS, File

ROOT: Final = Path(__file__).parents[2]
MIB: Final = 1 << 20
AT: Final = 128 * MIB
RAM: Final = ((256 * MIB, 64 * MIB),)


def region(
    flags: int = 7, low: int = 0, high: int = 1 << 40, alignment: int = 2 * MIB, at: int = AT,
    size: int = 4 * MIB, vp: int = 0, vtl: int = 2,
) -> bytes:  # fmt: skip
    """IGVM_VHS_RELOCATABLE_REGION: mask, VP, VTL, flags (1 VTL 2, 2 RIP, 4 GDTR), alignment,
    GPA, size, lowest, end."""
    return struct.pack("<IHBBQQQQQ", 1, vp, vtl, flags, alignment, at, size, low, high)


def tables(at: int = AT + 4 * MIB, size: int = 2 * PAGE_BYTES, used: int = PAGE_BYTES) -> bytes:
    """IGVM_VHS_PAGE_TABLE_RELOCATION."""
    return struct.pack("<IHBBQQQ", 1, 0, 2, 0, at, size, used)


def moved(*regions: bytes, paging: bool = True, base: int | None = None) -> Relocation:
    file = File().platform(VBS)
    for one in regions:
        file.header(0x102 if len(one) == 48 else 0x103, one)
    file.vbs_context({0x20010: AT, 0x40002: AT + 4 * MIB}).page(AT, b"\xf4")
    igvm = parse_igvm(Path("some.igvm"), file.bytes())
    return relocation(igvm, igvm.platforms[0], RAM, base, paging)


def test_it_goes_to_the_lowest_place_that_it_may_have() -> None:
    found = moved(region(), tables())
    assert found.gpa(AT + 5) == 256 * MIB + 5 and found.gpa(AT - 1) == AT - 1
    assert found.gpa(AT + 4 * MIB) == 260 * MIB, "the tables go along"
    assert moved(region(low=258 * MIB), tables()).gpa(AT) == 258 * MIB
    assert moved(region(alignment=16 * MIB, low=272 * MIB), tables()).gpa(AT) == 272 * MIB
    before = moved(region(at=AT + 4 * MIB), tables(at=AT))
    assert before.gpa(AT) == 256 * MIB, "tables below the region begin with memory"


def test_registers_move_by_the_flags_and_only_from_inside() -> None:
    """Flags: bit 1 RIP, bit 2 GDTR; CR3 goes with the tables (igvm_defs/src/lib.rs)."""
    by = 128 * MIB
    for flags, rip, gdtr in ((1, 0, 0), (3, by, 0), (5, 0, by), (7, by, by)):
        found = moved(region(flags=flags), tables())
        assert found.register("rip", AT) == AT + rip
        assert found.register("gdtr", AT) == AT + gdtr
        assert found.register("cr3", AT + 4 * MIB) == AT + 4 * MIB + by
        assert found.register("rip", 0x5000) == 0x5000


def test_it_stays_where_its_place_is_memory() -> None:
    file = File().platform(VBS).header(0x102, region()).vbs_context({0x20010: AT})
    igvm = parse_igvm(Path("some.igvm"), file.page(AT).bytes())
    here = ((AT, 64 * MIB),)
    assert relocation(igvm, igvm.platforms[0], here, None, False) == Relocation()
    assert relocation(igvm, igvm.platforms[0], here, AT, False) == Relocation()
    asked = relocation(igvm, igvm.platforms[0], here, AT + 2 * MIB, False)
    assert asked.gpa(AT) == AT + 2 * MIB


WRONG = [
    ((region(high=200 * MIB), tables()), None, "of 0x400000 bytes may lie between 0x0 and"),
    ((region(size=128 * MIB), tables(at=AT - MIB)), None, "there is no such place in memory"),
    ((region(),), None, "moves, and its page tables do not"),
    ((region(), region(at=AT + 8 * MIB), tables()), None, "has 2 regions that move"),
    ((region(vp=1), tables()), None, "is of CPU 1, VTL 2: only that of CPU 0, VTL 2 moves"),
    ((region(vtl=0), tables()), None, "is of CPU 0, VTL 0"),
    ((region(), tables()), 257 * MIB, "may not begin at 0x10100000: it is aligned to 0x2000"),
    ((region(low=258 * MIB), tables()), 256 * MIB, "0x10200000 is the lowest"),
    ((region(high=258 * MIB), tables()), 256 * MIB, "has to end by 0x10200000"),
]


@pytest.mark.parametrize(("regions", "base", "words"), WRONG)
def test_where_it_may_not_go_is_said(
    regions: tuple[bytes, ...], base: int | None, words: str
) -> None:
    with pytest.raises(ApdbgError, match=words):
        moved(*regions, base=base)


def far(tmp_path: Path, base: int) -> str:
    """A platform as `none` with its memory elsewhere."""
    text = (ROOT / "samples/platforms/none.toml").read_text()
    place = tmp_path / "far.toml"
    place.write_text(text.replace("base = 0x800_0000", f"base = {base:#x}"))
    return str(place)


def ran(image: str | None, platform: str, **more: object) -> Session:
    session = open_session(image, platform=platform, cpus=4, **more)  # type: ignore[arg-type]
    session.do("run")
    return session


@pytest.mark.parametrize("base", [256 * MIB, 32 * MIB])
def test_the_sample_boots_wherever_memory_is(tmp_path: Path, base: int) -> None:
    """Up and down: as many instructions as where our loader lays it there at once."""
    platform = far(tmp_path, base)
    there = ran("samples/shim-moves.igvm", platform)
    plain = ran(None, platform)
    assert there.verdict is not None and there.verdict.outcome == "booted"
    assert there.machine.board.tick == plain.machine.board.tick
    assert there.do("print mailbox_wait").reply == plain.do("print mailbox_wait").reply


def test_it_is_moved_where_somebody_says() -> None:
    session = open_session(
        "samples/shim-moves.igvm", platform="none", cpus=1, memory=128,
        igvm_base=AT + 16 * MIB + 2 * MIB,
    )  # fmt: skip
    begins = session.machine.board.layout.entry
    assert begins.cr3 == AT + 16 * MIB
    assert "page tables, rebuilt" in {one.name for one in session.machine.board.layout.regions}
    with pytest.raises(ApdbgError, match=r"shim.igvm: may not be moved, and --igvm-base asks"):
        open_session("samples/shim.igvm", platform="none", igvm_base=AT)
    with pytest.raises(ApdbgError, match=r"it takes no --igvm-base$"):
        open_session("samples/shim.elf", igvm_base=AT)


def test_memory_that_is_asked_for_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ApdbgError, match="there is no such place in memory"):
        ran("samples/shim-moves.igvm", far(tmp_path, 256 * MIB), memory=32)


def test_pages_that_stay_are_not_covered(tmp_path: Path) -> None:
    """One page in the region, one where the region comes to lie."""
    file = File().platform(VBS).header(0x102, region()).header(0x103, tables())
    file.vbs_context({0x20010: AT, 0x40000: 0x8000_0021, 0x40002: AT + 4 * MIB,
                      0x40003: 0x20, 0x80001: 0xD00})  # fmt: skip
    place = tmp_path / "some.igvm"
    place.write_bytes(file.page(AT).page(AT + 4 * MIB).page(256 * MIB).bytes())
    with pytest.raises(ApdbgError, match="moved, two of its pages lie at 0x10000000"):
        open_session(str(place), platform=far(tmp_path, 256 * MIB))
