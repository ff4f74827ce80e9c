"""`registers`, `print`, `set`: values, and what changes them."""

from typing import Final

from emu.debug.command import Command, text
from emu.debug.desk import Desk, Lines, focused, started
from emu.debug.running import enter
from emu.errors import CommandError
from emu.given.number import begins_a_number, number
from emu.picture import registers
from emu.words import expression
from emu.words.place import MemoryPlace, RegisterPlace
from emu.words.target import target


def _registers(desk: Desk) -> Lines:
    cpu = started(desk)
    points = {one.register: one.words for one in registers.pointers(desk.machine, cpu)}
    rows = (
        (f"{row.name:15}{row.value:0{row.bits // 4}x}", row.words or points.get(row.name, ""))
        for row in registers.views(cpu.registers, {})
    )
    return tuple(f"{value}  {words}".rstrip() for value, words in rows)


def _print(desk: Desk, text: str) -> Lines:
    number = expression.evaluate(desk.machine, focused(desk), text)
    name = desk.machine.board.layout.symbols.name(number) if number > 0xFFF else ""
    return (f"{text} = {number:#x} {number:,} {name}".rstrip(),)


def _set(desk: Desk, text: str) -> Lines:
    """`set PLACE=VALUE`; VALUE is a number or an expression. What reaches the guest becomes an
    entry of the timeline, in words that name places for good."""
    where, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise CommandError(f"set: takes PLACE=VALUE, got {text!r}")
    machine, focus = desk.machine, focused(desk)
    found = target(machine, focus, where.strip())
    plain = (
        begins_a_number(value.strip().lstrip("+-")) and value.strip().replace("_", "").isalnum()
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
        return ()
    return (f"{found.name} ({found.text}) is {wanted:#x} now",)


REGISTERS: Final = Command(
    "registers",
    "Show the registers of the selected CPU.",
    _registers,
    looks=True,
)
PRINT: Final = Command(
    "print",
    "Show the value of an expression: `print [rsp+8]`, `print mailbox.command == 1`.",
    _print,
    (text("text", rest=True),),
    looks=True,
)
SET: Final = Command(
    "set",
    "Change a place: `set rax=5`, `set mailbox.command=0`, `set npt:0x8805000=0`.",
    _set,
    (text("text", rest=True),),
)
