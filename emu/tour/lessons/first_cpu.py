"""Who runs first, in which mode, and what a tick is."""

from typing import Final

from emu.tour.lesson import Lesson
from emu.tour.scene import Scene

NEAR_TICKS: Final = 40
"""By so many ticks somebody who steps has seen the mode change."""


def _long(seen: Scene) -> bool:
    return seen.tick <= NEAR_TICKS and seen.view.cpus[0].mode == "long"


LESSON = Lesson(
    "first_cpu",
    done=_long,
    wrong=(
        ("other_cpu", lambda seen: seen.focus != 0),
        ("ran", lambda seen: seen.tick > NEAR_TICKS),
    ),
    panel="code",
)
