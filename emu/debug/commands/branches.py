"""`branches`, `branch`, `diff`: courses of events, and how two moments differ."""

from typing import Final

from emu.debug import travel
from emu.debug.command import Command, some_text, text
from emu.debug.desk import Desk, Lines
from emu.debug.moments import find
from emu.debug.running import elsewhere
from emu.timeline.branch import Branch
from emu.timeline.checkpoint import way
from emu.timeline.moment import Moment
from emu.timeline.timeline import Timeline


def _list(desk: Desk) -> Lines:
    timeline = desk.timeline
    _ = timeline.end
    rows = []
    for branch in timeline.branches.values():
        here = ">" if branch is timeline.branch else " "
        origin = (
            f"from {branch.parent} at {branch.fork.tick:,}" if branch.parent else "power-on"
        )
        own = branch.entries[branch.fork.entries :]
        entered = f"; {own[0].text} at {own[0].tick:,}" if own else ""
        more = f" and {len(own) - 1} more" if len(own) > 1 else ""
        rows.append(
            f"{here} {branch.name}: {origin}, to tick {branch.end.tick:,}{entered}{more}"
        )
    return tuple(rows)


def _branch(desk: Desk, name: str, new: str) -> Lines:
    with elsewhere(desk):
        return travel.branch(desk, name, new)


def _diff(desk: Desk, first: str, second: str) -> Lines:
    """Be at both moments and compare what differs between them."""
    from emu.debug.capture import capture
    from emu.debug.compare import compare

    timeline, machine = desk.timeline, desk.machine
    home, here = timeline.branch, timeline.now
    _ = timeline.end
    try:
        places = [_branch_and_moment(timeline, word) for word in (first, second)]
        be_at(timeline, *places[0])
        base, pages = timeline.base, set(machine.board.undo.images)
        be_at(timeline, *places[1])
        up, down = way(base, timeline.base)
        pages |= set(machine.board.undo.images).union(*(point.images for point in (*up, *down)))
        after = capture(machine, pages)
        be_at(timeline, *places[0])
        before = capture(machine, pages)
    finally:
        be_at(timeline, home, here)
    return compare(before, after, machine.board.layout.symbols.name)


def _branch_and_moment(timeline: Timeline, word: str) -> tuple[Branch, Moment]:
    if word in timeline.branches and word not in timeline.branch.marks:
        branch = timeline.branches[word]
        return branch, timeline.end if branch is timeline.branch else branch.end
    return timeline.branch, find(timeline, word)


def be_at(timeline: Timeline, branch: Branch, moment: Moment) -> None:
    """Stand at a moment of a branch."""
    if timeline.branch is not branch:
        timeline.switch(branch.name)
    timeline.goto(moment)


BRANCHES: Final = Command(
    "branches",
    "List all branches: where each began, how far it goes, what was entered on it.",
    _list,
    looks=True,
)
BRANCH: Final = Command(
    "branch",
    "Go to the end of a branch, or begin one of that name here; with NEW, rename it.",
    _branch,
    (text("name"), some_text("new")),
)
DIFF: Final = Command(
    "diff",
    "Say how two moments or branches (its end) differ; `now` is where the machine stands.",
    _diff,
    (text("first", "start", "end", "now"), some_text("second", "start", "end", default="now")),
)
