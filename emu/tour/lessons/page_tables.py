"""Page tables, level by level: from CR3 to the entry that is a leaf."""

from emu.hw.address import PAGE_BYTES
from emu.picture.sections import WalkLook
from emu.picture.walk import walk_view
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene
from emu.words.expression import address


def _table(seen: Scene) -> str:
    """The level of the guest's table that is looked at, on the way to the code; empty: none."""
    look, cpu = seen.session.looks.memory, seen.machine.board.cpus[0]
    if not seen.last.startswith("mem ") or look.kind != "table" or look.space == "hpa":
        return ""
    walk = walk_view(seen.machine, cpu, WalkLook("rip", "execute")).walk
    where = address(seen.machine, cpu, look.where) // PAGE_BYTES
    levels = () if walk is None else walk.levels
    return next((one.name for one in levels if one.entry_gpa // PAGE_BYTES == where), "")


LESSON = Lesson(
    "page_tables",
    done=lambda seen: _table(seen) == "L2",
    wrong=(
        ("above", lambda seen: _table(seen) in ("L4", "L3")),
        ("nested", lambda seen: seen.last.startswith("npt")),
        ("page", lambda seen: seen.last.startswith("mem ")),
    ),
    opening=Opening(platform="vbs"),
    panel="walk",
    row="gL4",
    look=("walk rip",),
)
