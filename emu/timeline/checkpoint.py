"""Checkpoints: a tree of snapshots, and on every edge the pages that differ between its ends.

An edge holds the pages' bytes as they are at the end where the machine is not. To go along an
edge is to exchange them with memory, so one set of images serves both directions.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from emu.machine.snapshot import Snapshot
from emu.machine.undo import Images
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


def drop(point: Checkpoint, above: bool) -> None:
    """Take a checkpoint with one child out of the tree, its edge joined with the child's.
    `above`: the machine is at the child or below it."""
    parent, child = point.parent, point.children[0]
    assert parent is not None, "the first checkpoint stays"
    near, far = (point.images, child.images) if above else (child.images, point.images)
    far.update(near)  # in place: what is joined again and again is large
    child.images = far
    child.parent = parent
    parent.children[parent.children.index(point)] = child
