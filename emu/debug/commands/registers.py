"""`registers`, `print`, `set`: values, and what changes them."""

from typing import Final

from emu.debug.command import Command, text
from emu.debug.desk import Desk, Lines, focused, started
from emu.debug.running import enter
from emu.errors import CommandError
from emu.given.number import begins_a_number, number
from emu.hw.context import GENERAL
from emu.picture import registers
from emu.picture.pointed import pointed
from emu.unwind.frame import Frame
from emu.words import expression
from emu.words.place import MemoryPlace, RegisterPlace
from emu.words.target import target


def _registers(desk: Desk) -> Lines:
    cpu = started(desk)
    frame = desk.looks.frame(desk.machine, cpu)
    if frame is not None:
        return _of_frame(desk, frame)
    points = {one.register: one.words for one in registers.pointers(desk.machine, cpu)}
    rows = (
        (f"{row.name:15}{row.value:0{row.bits // 4}x}", row.words or points.get(row.name, ""))
        for row in registers.views(cpu.registers, None)
    )
    return tuple(f"{value}  {words}".rstrip() for value, words in rows)


def _of_frame(desk: Desk, frame: Frame) -> Lines:
    """What a frame's function has in its registers when the call that it made returns."""
    rows = [f"frame {frame.number} of cpu {desk.focus}: {frame.symbol or hex(frame.address)}"]
    for name in (*GENERAL, "rip"):
        value = frame.address if name == "rip" else frame.registers.get(name)
        if value is None:
            rows.append(f"{name:15}not known: it may have been changed since")
            continue
        points = pointed(desk.machine, started(desk), value).words
        rows.append(f"{name:15}{value:016x}  {points}".rstrip())
    return tuple(rows)


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
    "Show the registers of the selected CPU, or those of the frame that is looked at.",
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
