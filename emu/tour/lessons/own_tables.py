"""The AP at the reset vector, and page tables of its own."""

from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene


def _pair(seen: Scene) -> frozenset[int]:
    """The CPUs whose tables are beside each other; empty: none were compared."""
    look = seen.session.looks.tables
    return frozenset((seen.focus, look.other)) if look.mode == "diff" else frozenset()


def _paged(seen: Scene, cpu: int) -> bool:
    return bool(seen.session.registers(cpu).get("cr0", 0) >> 31)


def _ready(seen: Scene) -> bool:
    return all(_paged(seen, cpu) for cpu in _pair(seen))


def _compared(seen: Scene) -> bool:
    return len(_pair(seen)) == 2 and 0 in _pair(seen) and _ready(seen)


LESSON = Lesson(
    "own_tables",
    done=_compared,
    wrong=(
        ("too_early", lambda seen: not _ready(seen)),
        ("itself", lambda seen: len(_pair(seen)) == 1),
        ("siblings", lambda seen: len(_pair(seen)) == 2 and 0 not in _pair(seen)),
    ),
    opening=Opening(said=("until wait_for_aps",)),
    panel="cpus",
    row="c1",
)
