"""`inject`, `hold`, `release`, `schedule`: what people do to a boot, as entries of its
timeline."""

from typing import Final

from emu.debug.command import Command, count, some_text, text
from emu.debug.desk import Desk, Lines, cpu_of
from emu.debug.running import enter
from emu.given.number import number
from emu.timeline.schedule import chooser_of


def _inject(desk: Desk, text: str) -> Lines:
    enter(desk, f"inject {text}")
    return ()


def _hold(desk: Desk, cpu: int) -> Lines:
    enter(desk, f"hold {cpu_of(desk, cpu).id}")
    return ()


def _release(desk: Desk, cpu: int) -> Lines:
    enter(desk, f"release {cpu_of(desk, cpu).id}")
    return ()


def _schedule(desk: Desk, text: str) -> Lines:
    """Without words, say what is in force."""
    if text.startswith("first "):
        enter(desk, f"first {cpu_of(desk, number(text[6:], 'schedule first')).id}")
    elif text:
        enter(desk, f"schedule {chooser_of(text.split()).text}")
    schedule = desk.timeline.driver.schedule
    held = ", ".join(str(cpu) for cpu in sorted(schedule.held))
    return (f"schedule {schedule.chooser.text}" + (f"; held: {held}" if held else ""),)


INJECT: Final = Command(
    "inject",
    "Break something: `inject KIND ... [at MOMENT]`; `help inject` lists the kinds.",
    _inject,
    (text("text", rest=True),),
)
HOLD: Final = Command("hold", "Let a CPU not run until it is released.", _hold, (count("cpu"),))
RELEASE: Final = Command("release", "Let a held CPU run again.", _release, (count("cpu"),))
SCHEDULE: Final = Command(
    "schedule",
    "Choose who runs next: `timed`, `random SEED`, `switches SLICE:CPU,...`, all with "
    "`quantum NS`; `first CPU`.",
    _schedule,
    (some_text("text", "timed", "random", "switches", "first", "quantum", rest=True),),
)
