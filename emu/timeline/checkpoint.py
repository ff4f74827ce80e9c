"""Checkpoints: a tree of snapshots, and on every edge the pages that differ between its ends.

An edge holds the pages' bytes as they are at the end where the machine is not. To go along an
edge is to exchange them with memory, so one set of images serves both directions.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from emu.machine.snapshot import Snapshot
from emu.machine.undo import Images, packed
from emu.timeline.moment import Moment
from emu.timeline.schedule import SavedSchedule

_PAGE_COST = 120
"""What a page costs in the dictionary, beside its bytes."""


class Checkpoint(Struct, eq=False):
    """One state between two slices."""

    moment: Moment
    snapshot: Snapshot
    schedule: SavedSchedule
    parent: "Checkpoint | None"
    images: Images
    """Pages that differ from the parent's."""
    packed: bool = False
    children: list["Checkpoint"] = field(default_factory=list)

    @property
    def bytes_used(self) -> int:
        """About what dropping it would free."""
        pages = sum(map(len, self.images.values())) + _PAGE_COST * len(self.images)
        return pages + self.snapshot.bytes_used

    def ancestors(self) -> Iterator["Checkpoint"]:
        """Itself, its parent, and so on up to the first."""
        point: Checkpoint | None = self
        while point is not None:
            yield point
            point = point.parent


def way(source: Checkpoint, target: Checkpoint) -> tuple[list[Checkpoint], list[Checkpoint]]:
    """The edges from one checkpoint to another, each named by its lower end: first those
    upwards, then those downwards, both in the order of travel."""
    above = {id(point): index for index, point in enumerate(source.ancestors())}
    down: list[Checkpoint] = []
    for point in target.ancestors():
        if id(point) in above:
            up = list(source.ancestors())[: above[id(point)]]
            return up, down[::-1]
        down.append(point)
    raise AssertionError("all checkpoints descend from the first")


def pack(point: Checkpoint) -> int:
    """Deflate a checkpoint's images; how many bytes that frees."""
    before = point.bytes_used
    point.images = {page: packed(image) for page, image in point.images.items()}
    point.packed = True
    return before - point.bytes_used


def drop(point: Checkpoint, base: Checkpoint) -> bool:
    """Take a checkpoint out of the tree, its edge joined with its only child's; False if it
    cannot be spared. `base` is where the machine is."""
    parent = point.parent
    if parent is None or point is base or len(point.children) != 1:
        return False
    child = point.children[0]
    below = any(other is child for other in base.ancestors())
    near, far = (point.images, child.images) if below else (child.images, point.images)
    child.images = {**far, **near}
    child.packed = child.packed and point.packed
    child.parent = parent
    parent.children[parent.children.index(point)] = child
    return True
