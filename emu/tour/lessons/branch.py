"""Back in time, something new there, and what differs at the two ends."""

from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene


def _asked(seen: Scene) -> bool:
    """Whether two moments have just been compared."""
    return f"{seen.last} ".startswith("diff ")


def _branches(seen: Scene) -> bool:
    """Whether something new was done, so that there is another history."""
    return len(seen.session.timeline.branches) > 1


def _between(seen: Scene) -> bool:
    """Whether what was compared are the ends of two histories."""
    words = seen.last.split()[1:]
    timeline = seen.session.timeline
    there = {word for word in words if word in timeline.branches}
    if len(words) == 1 or "now" in words or "end" in words:
        there.add(timeline.branch.name)
    return len(there) == 2


def _alike(seen: Scene) -> bool:
    return seen.reply[:1] == ("no difference",)


LESSON = Lesson(
    "branch",
    done=lambda seen: (
        _asked(seen) and _branches(seen) and _between(seen) and seen.outcome != ""
        and not _alike(seen)
    ),
    wrong=(
        ("same_again", lambda seen: _asked(seen) and _branches(seen) and _alike(seen)),
        ("same_history", lambda seen: _asked(seen) and not _between(seen)),
        ("unfinished", lambda seen: _asked(seen) and not seen.outcome),
    ),
    opening=Opening(said=("run",)),
    panel="timeline",
)  # fmt: skip
