"""Regions are found by the shim's own parameters (openvmm, ShimParamsRaw) where a file that
only lays pages names none."""

import struct

import pytest
from msgspec.structs import replace

from emu import open_session
from emu.boot.layout import BootLayout, Region
from emu.boot.shim_parameters import with_regions
from tests.guest import Guest

NAMES = ("parameter region", "reserved", "log", "heap", "persisted state", "shim parameters")


def laid(platform: str) -> BootLayout:
    """The sample as its loader lays it."""
    return open_session(platform=platform, cpus=2).machine.board.layout


def bare(layout: BootLayout) -> BootLayout:
    """The same, of which nobody says what is where."""
    return replace(layout, regions=())


@pytest.mark.parametrize("platform", ["none", "vbs", "tdx"])
def test_regions_are_those_that_the_loader_placed(platform: str) -> None:
    layout = laid(platform)
    named = {one.name: one for one in layout.regions}
    found = {one.name: one for one in with_regions(bare(layout)).regions}
    wanted = (*NAMES, "bounce buffer") if platform == "tdx" else NAMES
    assert set(found) == set(wanted)
    assert all(found[name] == named[name] for name in wanted)


def test_a_layout_that_says_itself_where_its_log_is_stays_as_it_is() -> None:
    layout = replace(bare(laid("none")), regions=(Region("log", 0x1000, 0x1000),))
    assert with_regions(layout) is layout


def test_a_guest_without_such_parameters_has_no_such_regions() -> None:
    layout = Guest("hlt").machine().board.layout
    assert with_regions(layout).regions == layout.regions


@pytest.mark.parametrize(
    ("at", "value"),
    [(0x24, 4), (0x70, 1 << 40), (0x90, 1 << 40), (0x90, 0x123), (0x40, 104 * 4096)],
    ids=["isolation", "used", "log outside", "log unaligned", "parameter region too small"],
)
def test_numbers_that_cannot_be_true_are_no_parameters(at: int, value: int) -> None:
    layout = bare(laid("none"))
    page = next(one.gpa for one in laid("none").regions if one.name == "shim parameters")
    chunks = []
    for gpa, data in layout.chunks:
        if gpa == page:
            wrong = bytearray(data)
            struct.pack_into("<I" if at == 0x24 else "<q", wrong, at, value)
            data = bytes(wrong)
        chunks.append((gpa, data))
    assert with_regions(replace(layout, chunks=tuple(chunks))).regions == ()
