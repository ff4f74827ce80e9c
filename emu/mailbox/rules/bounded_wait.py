"""Waits for another CPU end."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Observation, Waited
from emu.mailbox.rule import Broken, Rule


def _look(seen: Observation, course: Course) -> Iterator[Broken]:
    if not isinstance(seen, Waited) or seen.bounded or not seen.on:
        return
    firmware = course.is_firmware(seen.cpu) or seen.address in course.aps.homes
    if seen.on == "mailbox" and seen.cpu and firmware:
        return  # an AP waits for its wake-up as long as it takes
    what = "an ack" if seen.on == "mailbox" else "an AP to arrive"
    yield Broken(f"waits for {what} without looking at a clock")


RULE = Rule(
    name="bounded-wait",
    says="Whoever waits for another CPU gives up at some time, and says so.",
    source="Linux, madt_wakeup.c (no limit, on purpose); edk2 #13164",
    follows="One CPU that never comes hangs the boot silently.",
    look_at="The loop: what it reads, and whether it ever reads a clock.",
    look=_look,
)
