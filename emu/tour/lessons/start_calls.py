"""The calls that start a CPU: who enables, who starts."""

from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene


def _enabled(seen: Scene) -> bool:
    return any("EnableVpVtl" in stop.text for stop in seen.session.stop)


LESSON = Lesson(
    "start_calls",
    done=lambda seen: [one.state != "off" for one in seen.view.cpus[1:3]] == [True, False],
    wrong=(
        ("enabled", lambda seen: _enabled(seen) and seen.view.cpus[1].state == "off"),
        ("past", lambda seen: seen.view.cpus[2].state != "off"),
    ),
    opening=Opening(platform="vbs"),
    panel="exits",
)
