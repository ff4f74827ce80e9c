"""The nested table says of each page how the launch laid it down."""

import struct
from pathlib import Path

from emu import Session, open_session
from emu.igvm.file import parse_igvm
from emu.igvm.launch_pages import launch_pages, page_at
from emu.igvm.relocation import Relocation
from emu.picture.nested import lines, nested_view
from emu.picture.sections import NestedLook, NestedRange, NestedView
from shim.igvm import TDX, VBS, File

AT = 0x820_0000
CONTEXT = {0x20010: AT, 0x40000: 0x8000_0021, 0x40003: 0x20, 0x80001: 0xD00}


def opened(tmp_path: Path, file: File, platform: str) -> Session:
    place = tmp_path / "some.igvm"
    place.write_bytes(file.bytes())
    return open_session(str(place), platform=platform, cpus=1)


def a_file(kind: int) -> File:
    """Two measured pages, one that is not, one of the host's, an area of two."""
    file = File().platform(kind).area(1, 0x2000)
    if kind == VBS:
        file.vbs_context(CONTEXT)
    file.insert(1, AT + 0x8000).page(AT, b"\xf4").page(AT + 0x1000)
    file.page(AT + 0x2000, flags=2).page(AT + 0x3000, b"host", flags=4)
    return file.page(0xFFFF_F000, b"\xf4") if kind == TDX else file


def view_of(session: Session, where: str = "") -> NestedView:
    return nested_view(session.machine, session.timeline, NestedLook(where))


def told(found: tuple[NestedRange, ...], *, shared_view: bool = False) -> dict[int, str]:
    return {
        one.gpa: f"{one.launch} {one.size >> 12}"
        for one in found
        if one.launch and one.shared_view == shared_view
    }


def test_ranges_are_cut_where_the_launch_differs(tmp_path: Path) -> None:
    view = view_of(opened(tmp_path, a_file(VBS), "vbs"))
    assert told(view.ranges) == {
        AT: "measured 2", AT + 0x2000: "unmeasured 1", AT + 0x3000: "shared 1",
        AT + 0x8000: "parameter 2",
    }  # fmt: skip
    assert sum(one.size for one in view.ranges) == 64 << 20, "and nothing is missing"


def test_in_a_td_what_is_shared_lies_in_the_other_view(tmp_path: Path) -> None:
    view = view_of(opened(tmp_path, a_file(TDX), "tdx"))
    assert AT + 0x3000 not in told(view.ranges)
    assert told(view.ranges, shared_view=True) == {AT + 0x3000: "shared 1"}


def test_a_page_names_its_directive(tmp_path: Path) -> None:
    """Headers: platform at 0x18, area, context, insert; each has 8 bytes before its payload."""
    session = opened(tmp_path, a_file(VBS), "vbs")
    insert = 0x18 + 24 + 24 + 32
    for gpa, words in (
        (AT + 0x1000, f"measured, by PAGE_DATA at {insert + 24 + 32:#x}"),
        (AT + 0x2000, f"unmeasured, by PAGE_DATA at {insert + 24 + 64:#x}"),
        (AT + 0x9000, f"parameter, by PARAMETER_INSERT at {insert:#x}"),
    ):
        assert f"launch: {words}" in session.do(f"npt {gpa:#x}").reply
    assert not any("launch:" in one for one in session.do("npt 0x8300000").reply)


def test_words_leave_the_ranges_that_were_laid_down_so(tmp_path: Path) -> None:
    session = opened(tmp_path, a_file(VBS), "vbs")
    view = view_of(session, "measured")
    assert [one.gpa for one in view.ranges] == [AT]
    assert "  measured  " in lines(view)[0]
    assert [one.gpa for one in view_of(session, "parameter").ranges] == [AT + 0x8000]


def test_a_file_that_was_moved_is_told_where_it_lies() -> None:
    tables = struct.pack("<IHBBQQQ", 1, 0, 2, 0, AT, 0x2000, 0x1000)
    file = (
        File()
        .platform(VBS)
        .header(0x103, tables)
        .vbs_context(CONTEXT)
        .page(AT)
        .page(AT + 0x8000)
    )
    igvm = parse_igvm(Path("x"), file.bytes())
    rows = launch_pages(igvm.headers, Relocation())
    assert [(one.gpa, one.how) for one in rows] == [
        (AT, "measured"), (AT + 0x8000, "measured"),
    ]  # fmt: skip
    assert page_at(rows, AT + 0x1000) is None and page_at(rows, AT - 1) is None


def test_the_sample_that_moved_has_tables_that_were_rebuilt(tmp_path: Path) -> None:
    session = open_session(
        "samples/shim-moves.igvm", platform="none", cpus=1, memory=128, igvm_base=0x900_0000
    )
    rows = told(view_of(session).ranges)
    assert rows[0x900_0000 - 0x20_0000] == "rebuilt 3"
    assert set(rows.values()) > {"rebuilt 3"} and 0x800_0000 not in rows


def test_memory_that_ends_within_a_page_is_shown_up_to_its_last_whole_one(
    tmp_path: Path,
) -> None:
    platform = tmp_path / "odd.toml"
    platform.write_text(
        'isolation = "none"\nstart = "sipi"\nhyperv = false\n[memory]\nlow_kib = 639\n'
    )
    low = view_of(open_session(platform=str(platform), cpus=1)).ranges[0]
    assert (low.gpa, low.size) == (0, 636 << 10)
