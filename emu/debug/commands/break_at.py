"""`break`: a place that stops a CPU."""

from typing import Final

from emu.debug.breakpoint import as_written
from emu.debug.command import Command, Values, some_count, some_text, text
from emu.debug.desk import Desk, Lines, focused
from emu.errors import CommandError
from emu.given.number import number
from emu.words import expression
from emu.words.target import code_place

_USAGE: Final = "break: takes WHERE [cpu N] [after N] [once] [log] [if EXPR]"


def _read(words: list[str]) -> Values:
    """`WHERE [cpu N] [after N] [once] [log] [if EXPR]`."""
    if not words:
        raise CommandError("break: needs where")
    where, rest = words[0], words[1:]
    cpu, after, once, log, condition = None, 1, "", "", ""
    while rest:
        word = rest.pop(0)
        if word in ("cpu", "after") and rest:
            value = number(rest.pop(0), f"break {word}")
            cpu, after = (value, after) if word == "cpu" else (cpu, max(value, 1))
        elif word == "once":
            once = word
        elif word == "log":
            log = word
        elif word == "if" and rest:
            condition, rest = " ".join(rest), []
        else:
            raise CommandError(_USAGE)
    return where, cpu, after, once, log, condition


def _break(
    desk: Desk,
    where: str,
    cpu: int | None,
    after: int,
    once: str,
    log: str,
    condition: str,
) -> Lines:
    if condition:
        expression.check(desk.machine, focused(desk), condition)
    where = code_place(desk.machine, focused(desk), where)
    point = desk.breakpoints.add(where, cpu, after, bool(once), bool(log), condition)
    places = ", ".join(f"{address:#x}" for address in point.addresses)
    rule = f"  {point.rule}" if point.rule else ""
    return (f"breakpoint {point.number} at {where}: {places}{rule}",)


BREAK: Final = Command(
    "break",
    "Stop where a CPU gets: `break WHERE [cpu N] [after N] [once] [log] [if EXPR]`.",
    _break,
    (
        text("where"), some_count("cpu", None, "cpu"), some_count("after", 1, "after"),
        some_text("once", "once"), some_text("log", "log"), some_text("condition", "if"),
    ),
    read=_read,
    write=as_written,
    phrase="Break at",
)  # fmt: skip
