"""`regions`: what lies where in memory, and who says so."""

from typing import Final

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines
from emu.picture import regions
from emu.picture.sections import RegionsLook


def _regions(desk: Desk, text: str) -> Lines:
    desk.looks.regions = wanted = RegionsLook(text)
    return regions.lines(regions.regions_view(desk.machine.board, wanted))


REGIONS: Final = Command(
    "regions",
    "Show memory as one map: what the loader placed (loader), the ranges of the host's tree "
    "(host) and of the kernel's (tree), and the E820 table; `regions [TEXT]`.",
    _regions,
    (some_text("text", "loader", "host", "tree", "e820", rest=True),),
    looks=True,
)
