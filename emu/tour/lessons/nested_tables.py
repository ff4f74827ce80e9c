"""What the nested table adds: each entry of the guest's tables has to be found first."""

from emu.hw.page_walk import PageWalk
from emu.picture.sections import WalkLook
from emu.picture.walk import walk_view
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene


def _walk(seen: Scene) -> PageWalk | None:
    return walk_view(seen.machine, seen.machine.board.cpus[1], WalkLook("rip", "read")).walk


def _lost(seen: Scene, *levels: str) -> bool:
    """Whether the walk ends since the table of one of these levels is not found."""
    walk = _walk(seen)
    return (
        walk is not None
        and walk.verdict == "nested fault in a table"
        and walk.levels[-1].name in levels
    )


def _ends(seen: Scene, verdict: str) -> bool:
    walk = _walk(seen)
    return walk is not None and walk.verdict == verdict


LESSON = Lesson(
    "nested_tables",
    done=lambda seen: _lost(seen, "L1"),
    wrong=(
        ("higher", lambda seen: _lost(seen, "L4", "L3", "L2")),
        ("page", lambda seen: _ends(seen, "nested fault at the page")),
        ("guest", lambda seen: _ends(seen, "page fault")),
    ),
    opening=Opening(platform="vbs", said=("until mailbox_wait",)),
    panel="walk",
    row="nL1L1",
    look=("walk rip",),
)
