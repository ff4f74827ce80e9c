"""Three stores: what becomes of an AP whose vector is stored behind the command."""

from emu.tour.course import broken, ended_after, step_of
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene


def _jumped_to_nothing(seen: Scene) -> bool:
    jumps = broken(seen, "vector-executable")
    return bool(broken(seen, "stored-before-command")) and any(one.cpu == 1 for one in jumps)


LESSON = Lesson(
    "stores",
    done=_jumped_to_nothing,
    wrong=(
        ("old_vector", lambda seen: ended_after(seen, "inject command-before-vector")),
        ("still_ordered", lambda seen: ended_after(seen, "inject late-stores")),
        (
            "in_time",
            lambda seen: (
                bool(broken(seen, "stored-before-command"))
                and step_of(seen, 1) in ("arrived", "online")
            ),
        ),
        ("unbroken", lambda seen: seen.outcome == "booted" and not seen.findings),
    ),
    opening=Opening(said=("until waking",)),
    panel="mailbox",
    row="c1",
)
