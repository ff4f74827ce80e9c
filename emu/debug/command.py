"""What a command is: its words, what it takes, its help, and what it does.

A command that is asked for is an `Order`: the command with its values, which can be compared
and written down again (`parse(show(order)) == order`).
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.debug.desk import Goal, Lines
from emu.errors import CommandError
from emu.given.number import how_often, number

Value = int | str | None
Values = tuple[Value, ...]
Begun = Goal | Lines
"""What a command comes to: something to be carried on, or an answer."""


class Slot(Struct, frozen=True):
    """One thing that a command takes."""

    name: str
    default: Value = None
    needed: bool = True
    is_number: bool = False
    rest: bool = False
    """All the words that are left, as one text."""
    choices: tuple[str, ...] = ()
    """Words that may stand here, which completion offers before names."""
    at_least_once: bool = False
    """A number that must not be 0."""

    def read(self, word: str, what: str) -> Value:
        """The value that a word means; raises CommandError."""
        if not self.is_number:
            return word
        return how_often(word, what) if self.at_least_once else number(word, what)


def text(name: str, *choices: str, rest: bool = False) -> Slot:
    """A word, or with `rest` a text, that must be given."""
    return Slot(name, rest=rest, choices=choices)


def some_text(name: str, *choices: str, default: str = "", rest: bool = False) -> Slot:
    """A word or a text that may be given."""
    return Slot(name, default, False, rest=rest, choices=choices)


def count(name: str) -> Slot:
    """A number that must be given."""
    return Slot(name, is_number=True)


def times(name: str) -> Slot:
    """How often something is done: at least once."""
    return Slot(name, is_number=True, at_least_once=True)


def some_times(name: str, default: int | None = None, *choices: str) -> Slot:
    """How often something is done, if that is said: at least once."""
    return Slot(name, default, False, True, choices=choices, at_least_once=True)


def some_count(name: str, default: int | None = None, *choices: str) -> Slot:
    """A number that may be given."""
    return Slot(name, default, False, True, choices=choices)


class Command(Struct, frozen=True):
    """One command. Adding one is one file and one line in `emu.debug.commands`."""

    word: str
    help: str
    begin: Callable[..., Begun]
    """(desk, value of each slot ...) -> what it comes to; raises CommandError, and then nothing
    has changed."""
    slots: tuple[Slot, ...] = ()
    read: Callable[[list[str]], Values] | None = None
    """Reads the words behind the command's, where slots in their order do not say it all."""
    write: Callable[..., str] | None = None
    """Values -> those words."""
    moves: bool = False
    """Whether Enter repeats it."""
    looks: bool = False
    """Whether it only looks, at the machine where it stands: so it can be carried out while the
    machine runs. What goes to another moment, if only for an answer, does not."""
    phrase: str = ""
    """What it does to a name that stands behind these words in a palette."""

    @property
    def usage(self) -> str:
        """Its word and what it takes."""
        return " ".join([self.word, *(slot.name.upper() for slot in self.slots)])

    def choices(self, place: int) -> tuple[str, ...]:
        """The words that may stand at a place behind its own."""
        own = self.slots[:1] if place == 0 else self.slots[1:]
        return tuple(word for slot in own for word in slot.choices)


class Order(Struct, frozen=True):
    """A command with its values."""

    command: Command
    values: Values

    def __str__(self) -> str:
        return show(self)


def order(command: Command, words: list[str]) -> Order:
    """Read what stands behind a command's word; raises CommandError."""
    read = command.read
    return Order(command, _read(command, words) if read is None else read(words))


def _read(command: Command, words: list[str]) -> Values:
    """Values in the order of the slots."""
    slots, name = command.slots, command.word
    if slots and slots[-1].rest and len(words) >= len(slots):
        words = [*words[: len(slots) - 1], " ".join(words[len(slots) - 1 :])]
    if len(words) > len(slots):
        raise CommandError(f"{name}: too many words: {' '.join(words[len(slots) :])!r}")
    values: list[Value] = [
        slot.read(word, f"{name} {slot.name}") for slot, word in zip(slots, words, strict=False)
    ]
    for slot in slots[len(words) :]:
        if slot.needed and slot.rest:
            raise CommandError(f"{name}: needs words: `help {name}`")
        if slot.needed:
            raise CommandError(f"{name}: needs {slot.name}")
        values.append(slot.default)
    return tuple(values)


_NOT_SHOWN: Final = (None, "")


def show(order: Order) -> str:
    """The text of an order; read again it is the same order."""
    write = order.command.write
    if write is not None:
        return f"{order.command.word} {write(*order.values)}"
    values = (str(value) for value in order.values if value not in _NOT_SHOWN)
    return " ".join([order.command.word, *values])
