"""Checkpoints are a tree: between any two there is a way, and joining edges loses nothing."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.hw.address import PAGE_BYTES
from emu.machine import snapshot
from emu.timeline.checkpoint import Checkpoint, drop, way
from emu.timeline.moment import Moment
from tests.guest import Guest

DRIVER = Guest("hlt").driver()
TAKEN = snapshot.take(DRIVER.machine, None)
SCHEDULE = DRIVER.schedule.save()
PAGES = range(0, 6 * PAGE_BYTES, PAGE_BYTES)


class Tree:
    """Checkpoints, and the memory of a machine that stands at one of them. `whole` is what
    memory holds at each, which nobody else knows."""

    def __init__(self, draw: random.Random, count: int) -> None:
        self.draw = draw
        self.memory = {page: self.page() for page in PAGES}
        self.base = self.root = Checkpoint(Moment(0), TAKEN, SCHEDULE, None, {})
        self.points = [self.root]
        self.whole = {id(self.root): dict(self.memory)}
        for number in range(1, count):
            self.travel(draw.choice(self.points))
            changed = draw.sample(list(PAGES), draw.randrange(1, 4))
            images = {page: self.memory[page] for page in changed}
            self.memory |= {page: self.page() for page in changed}
            point = Checkpoint(Moment(number), TAKEN, SCHEDULE, self.base, images)
            self.base.children.append(point)
            self.base = point
            self.points.append(point)
            self.whole[id(point)] = dict(self.memory)

    def page(self) -> bytes:
        """Some page, often an easy one."""
        return bytes((self.draw.randrange(256),)) * PAGE_BYTES

    def travel(self, target: Checkpoint) -> None:
        """Exchange the images on the way with memory."""
        up, down = way(self.base, target)
        for point in (*up, *down):
            for page, image in point.images.items():
                point.images[page] = self.memory[page]
                self.memory[page] = image
        self.base = target


@given(st.integers(0, 1 << 30), st.integers(1, 14))
def test_along_any_way_memory_becomes_what_it_was_there(seed: int, count: int) -> None:
    draw = random.Random(seed)
    tree = Tree(draw, count)
    for target in draw.choices(tree.points, k=12):
        up, down = way(tree.base, target)
        assert not {id(one) for one in up} & {id(one) for one in down}
        if up:
            assert up[0] is tree.base
        if down:
            assert down[-1] is target
        tree.travel(target)
        assert tree.memory == tree.whole[id(target)]


@given(st.integers(0, 1 << 30), st.integers(2, 14))
def test_dropping_loses_nothing_that_is_left(seed: int, count: int) -> None:
    draw = random.Random(seed)
    tree = Tree(draw, count)
    for _ in range(10):
        point = draw.choice(tree.points)
        if point is not tree.root and len(point.children) == 1 and point is not tree.base:
            drop(point, above=point.children[0] in tree.base.ancestors())
            tree.points.remove(point)
            assert all(point not in other.ancestors() for other in tree.points)
        target = draw.choice(tree.points)
        tree.travel(target)
        assert tree.memory == tree.whole[id(target)]


def test_ancestors_end_at_the_first() -> None:
    tree = Tree(random.Random(1), 8)
    for point in tree.points:
        line = list(point.ancestors())
        assert line[0] is point and line[-1] is tree.root
        assert way(point, point) == ([], [])


def test_two_trees_have_no_way() -> None:
    one, two = (Checkpoint(Moment(0), TAKEN, SCHEDULE, None, {}) for _ in range(2))
    with pytest.raises(AssertionError, match="descend"):
        way(one, two)
