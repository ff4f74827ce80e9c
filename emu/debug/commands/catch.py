"""`catch`: something that a machine does stops it."""

from typing import Final

from emu.debug.catch import EVENTS, EXITS, REGISTERS
from emu.debug.command import Command, Values, some_text, text
from emu.debug.desk import Desk, Lines
from emu.errors import CommandError


def _read(words: list[str]) -> Values:
    if not words:
        raise CommandError("catch: needs what: `help catch`")
    return words[0], " ".join(words[1:])


def _catch(desk: Desk, kind: str, text: str) -> Lines:
    catch = desk.catches.add(desk.breakpoints.number(), kind, text)
    return (f"breakpoint {catch.number}: {catch.name}",)


CATCH: Final = Command(
    "catch",
    "Stop at what a machine does: `catch mode|cr3|efer|exit|hypercall|tdcall|msr|...`.",
    _catch,
    (text("kind", *REGISTERS, *EXITS, *EVENTS), some_text("text", rest=True)),
    read=_read,
)
