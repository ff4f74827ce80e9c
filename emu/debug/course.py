"""Commands that change something: what stops a run, what is named, and the guest itself.

What reaches the guest becomes an entry of the timeline, in words that name places for good.
"""

from typing import assert_never

from emu.debug import command as c
from emu.debug.desk import Desk, cpu_of, focused
from emu.debug.running import enter
from emu.errors import CommandError
from emu.timeline.schedule import rule_of
from emu.words import expression
from emu.words.number import number
from emu.words.place import MemoryPlace, RegisterPlace, place

Changing = (
    c.Break | c.Catch | c.Watch | c.Delete | c.Mark | c.Hold | c.Release | c.Schedule | c.Set
    | c.Inject
)  # fmt: skip


def change(desk: Desk, order: Changing) -> None:
    """Carry out a command that changes something; raises CommandError, and then nothing has
    changed."""
    match order:
        case c.Break(where):
            if order.condition:
                expression.check(desk.machine, focused(desk), order.condition)
            point = desk.breakpoints.add(order)
            places = ", ".join(f"{address:#x}" for address in point.addresses)
            rule = f"  {point.rule}" if point.rule else ""
            desk.reply = (f"breakpoint {point.number} at {where}: {places}{rule}",)
        case c.Catch(kind, text):
            catch = desk.catches.add(desk.breakpoints.number(), kind, text)
            desk.reply = (f"breakpoint {catch.number}: {catch.name}",)
        case c.Watch():
            _watch(desk, order)
        case c.Delete(wanted):
            _delete(desk, wanted)
        case c.Mark(name):
            _mark(desk, name)
        case c.Hold(cpu) | c.Release(cpu):
            word = "hold" if isinstance(order, c.Hold) else "release"
            enter(desk, f"{word} {cpu_of(desk, cpu).id}")
        case c.Schedule(text):
            _schedule(desk, text)
        case c.Set(text):
            _set(desk, text)
        case c.Inject(text):
            enter(desk, f"inject {text}")
        case _:
            assert_never(order)


def _watch(desk: Desk, order: c.Watch) -> None:
    points, watches = desk.breakpoints, desk.watchpoints
    watch = watches.add(points.number(), desk.machine, focused(desk), order)
    doing = "" if watch.doing == "change" else f"{watch.doing} of "
    desk.reply = (
        f"watchpoint {watch.number} on {doing}{watch.where.name} ({watch.where.text})",
    )


def _delete(desk: Desk, wanted: int) -> None:
    if any(point.number == wanted for point in desk.breakpoints.listed):
        desk.breakpoints.delete(wanted)
    elif not desk.catches.delete(wanted):
        desk.watchpoints.delete(wanted)


def _mark(desk: Desk, name: str) -> None:
    if not name[:1].isalpha() or name in ("start", "end", "now"):
        raise CommandError(f"mark: {name!r}: a name begins with a letter and is not taken")
    timeline = desk.timeline
    timeline.branch.marks[name] = timeline.now
    desk.reply = (f"{name} is tick {timeline.now.tick:,}",)


def _schedule(desk: Desk, text: str) -> None:
    """Without words, say what is in force."""
    schedule = desk.timeline.driver.schedule
    if text.startswith("first "):
        enter(desk, f"first {cpu_of(desk, number(text[6:], 'schedule first')).id}")
    elif text:
        enter(desk, f"schedule {rule_of(text.split()).text}")
    held = ", ".join(str(cpu) for cpu in sorted(schedule.held))
    desk.reply = (f"schedule {schedule.rule.text}" + (f"; held: {held}" if held else ""),)


def _set(desk: Desk, text: str) -> None:
    """`set PLACE=VALUE`; VALUE is a number or an expression."""
    where, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise CommandError(f"set: takes PLACE=VALUE, got {text!r}")
    machine, focus = desk.machine, focused(desk)
    found = place(machine, focus, where.strip())
    plain = (
        value.strip().lstrip("+-")[:1].isdigit() and value.strip().replace("_", "").isalnum()
    )
    wanted = (
        number(value.strip(), f"set {where.strip()}")
        if plain
        else expression.evaluate(machine, focus, value)
    )
    entered = wanted
    if isinstance(found, MemoryPlace) and found.big_endian and not wanted >> 8 * found.size:
        entered = int.from_bytes(wanted.to_bytes(found.size, "big"), "little")
    enter(desk, f"set {found.text}={entered:#x}")
    if isinstance(found, RegisterPlace):
        return
    desk.reply = (f"{found.name} ({found.text}) is {wanted:#x} now",)
