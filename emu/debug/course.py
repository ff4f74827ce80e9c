"""Commands that change something: what stops a run, what is named, and the guest itself.

What reaches the guest becomes an entry of the timeline, in words that name places for good.
"""

from typing import TYPE_CHECKING, assert_never

from emu.debug import command as c
from emu.errors import CommandError
from emu.timeline.schedule import rule_of
from emu.words import expression
from emu.words.number import number
from emu.words.place import MemoryPlace, RegisterPlace, place

if TYPE_CHECKING:
    from emu.debug.session import Session


Changing = (
    c.Break | c.Catch | c.Watch | c.Delete | c.Mark | c.Hold | c.Release | c.Schedule | c.Set
    | c.Inject
)  # fmt: skip


def change(session: "Session", order: Changing) -> None:
    """Carry out a command that changes something; raises CommandError, and then nothing has
    changed."""
    match order:
        case c.Break(where):
            if order.condition:
                expression.check(session.machine, session.cpu(None), order.condition)
            point = session.breakpoints.add(order)
            places = ", ".join(f"{address:#x}" for address in point.addresses)
            rule = f"  {point.rule}" if point.rule else ""
            session.reply = (f"breakpoint {point.number} at {where}: {places}{rule}",)
        case c.Catch(kind, text):
            catch = session.catches.add(session.breakpoints.number(), kind, text)
            session.reply = (f"breakpoint {catch.number}: {catch.name}",)
        case c.Watch():
            _watch(session, order)
        case c.Delete(wanted):
            _delete(session, wanted)
        case c.Mark(name):
            _mark(session, name)
        case c.Hold(cpu) | c.Release(cpu):
            word = "hold" if isinstance(order, c.Hold) else "release"
            session.enter(f"{word} {session.cpu(cpu).id}")
        case c.Schedule(text):
            _schedule(session, text)
        case c.Set(text):
            _set(session, text)
        case c.Inject(text):
            session.enter(f"inject {text}")
        case _:
            assert_never(order)


def _watch(session: "Session", order: c.Watch) -> None:
    points, watches = session.breakpoints, session.watchpoints
    watch = watches.add(points.number(), session.machine, session.cpu(None), order)
    doing = "" if watch.doing == "change" else f"{watch.doing} of "
    session.reply = (
        f"watchpoint {watch.number} on {doing}{watch.where.name} ({watch.where.text})",
    )


def _delete(session: "Session", wanted: int) -> None:
    if any(point.number == wanted for point in session.breakpoints.listed):
        session.breakpoints.delete(wanted)
    elif not session.catches.delete(wanted):
        session.watchpoints.delete(wanted)


def _mark(session: "Session", name: str) -> None:
    if not name[:1].isalpha() or name in ("start", "end", "now"):
        raise CommandError(f"mark: {name!r}: a name begins with a letter and is not taken")
    timeline = session.timeline
    timeline.branch.marks[name] = timeline.now
    session.reply = (f"{name} is tick {timeline.now.tick:,}",)


def _schedule(session: "Session", text: str) -> None:
    """Without words, say what is in force."""
    schedule = session.timeline.driver.schedule
    if text.startswith("first "):
        session.enter(f"first {session.cpu(number(text[6:], 'schedule first')).id}")
    elif text:
        session.enter(f"schedule {rule_of(text.split()).text}")
    held = ", ".join(str(cpu) for cpu in sorted(schedule.held))
    session.reply = (f"schedule {schedule.rule.text}" + (f"; held: {held}" if held else ""),)


def _set(session: "Session", text: str) -> None:
    """`set PLACE=VALUE`; VALUE is a number or an expression."""
    where, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise CommandError(f"set: takes PLACE=VALUE, got {text!r}")
    machine, focus = session.machine, session.cpu(None)
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
    session.enter(f"set {found.text}={entered:#x}")
    if isinstance(found, RegisterPlace):
        return
    session.reply = (f"{found.name} ({found.text}) is {wanted:#x} now",)
