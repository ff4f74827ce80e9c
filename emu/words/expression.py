"""Expressions over the machine: `rax`, `mailbox.command == 1 and cpu == 2`, `[rsp + 8]`.

    VALUE   a number, a register (`rax`, `$rax`, `$pc`), a symbol (its address), any place of
            `emu.words.place`, `cpu`, `tick`, or `[EXPR]`, `[EXPR]/BYTES` for what lies at a GVA
    unary   - ~ not          binary  * + - << >> & ^ | == != < <= > >= and or

All values are 64 bits without a sign; a comparison is 1 or 0. Symbols of C have their C
precedence, apart from `&`, `^` and `|`, which bind tighter than a comparison.
"""

import re
from collections.abc import Callable
from typing import Final

from emu.errors import CommandError
from emu.given.number import is_digits, parsed
from emu.given.plain import shown
from emu.hw.address import U64
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.words import place
from emu.words.where import resolve

_HEADS: Final = "|".join((*place.SPACES, *place.NAMED))
_TOKEN: Final = re.compile(
    rf"\s*(?:(?P<place>(?:cpu\d+:)?(?:{_HEADS}):[^\s()\[\]=<>!&|^]+)"
    r"|(?P<word>(?:cpu\d+:(?!:))?[A-Za-z_.$@][\w.$]*(?:::[\w.$]+)*(?::\d+)?)"
    r"|(?P<number>\d[\w,]*)"
    r"|(?P<sign><<|>>|==|!=|<=|>=|&&|\|\||[-+*&^|<>()\[\]~!/]))"
)
_ORDER: Final[tuple[tuple[str, ...], ...]] = (
    ("or", "||"), ("and", "&&"), ("==", "!=", "<", "<=", ">", ">="), ("|",), ("^",), ("&",),
    ("<<", ">>"), ("+", "-"), ("*",),
)  # fmt: skip
"""Binary operators, those that bind least first."""
_OPERATE: Final[dict[str, Callable[[int, int], int]]] = {
    "or": lambda a, b: bool(a or b), "and": lambda a, b: bool(a and b),
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "|": lambda a, b: a | b, "^": lambda a, b: a ^ b, "&": lambda a, b: a & b,
    "<<": lambda a, b: a << b if b < 64 else 0, ">>": lambda a, b: a >> min(b, 64),
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
}  # fmt: skip
WORDS: Final[dict[str, Callable[[Machine, Cpu], int]]] = {
    "cpu": lambda _, focus: focus.id,
    "tick": lambda machine, _: machine.board.tick,
}
"""Word -> its value for a CPU."""
_SAME: Final = {"||": "or", "&&": "and"}
_DEEP: Final = 64
"""Parentheses in parentheses."""


def evaluate(machine: Machine, focus: Cpu, text: str) -> int:
    """The value of an expression for one CPU, 0 to 2^64-1; raises CommandError with a
    sentence that quotes the text."""
    reader = _ExpressionReader(machine, focus, text)
    found = reader.binary(0)
    if reader.tokens:
        raise CommandError(f"{text}: {reader.tokens[0][1]!r} is not expected here")
    return found & U64


def address(machine: Machine, focus: Cpu, text: str) -> int:
    """An address as people name it: a symbol, `file:line` or number first, else the value of
    an expression. Raises CommandError."""
    try:
        return resolve(machine, text)[0]
    except CommandError:
        return evaluate(machine, focus, text.removeprefix("*"))


def check(machine: Machine, focus: Cpu, text: str) -> None:
    """Raise CommandError where a text can be no expression at all. One that only cannot be
    evaluated now, such as a register of a CPU that has not started, is let pass."""
    reader = _ExpressionReader(machine, focus, text, dry=True)
    reader.binary(0)
    if reader.tokens:
        raise CommandError(f"{text}: {reader.tokens[0][1]!r} is not expected here")


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) of every piece, first to last."""
    found: list[tuple[str, str]] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise CommandError(f"{text}: {text[at:].strip()!r} cannot be read")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _ExpressionReader:
    """Reads and evaluates in one pass, by precedence."""

    def __init__(self, machine: Machine, focus: Cpu, text: str, dry: bool = False) -> None:
        self._machine = machine
        self._focus = focus
        self._text = text
        self._dry = dry
        self._depth = 0
        self.tokens = _tokens(text)

    def _next(self) -> tuple[str, str]:
        if not self.tokens:
            raise CommandError(f"{self._text}: something is missing at the end")
        return self.tokens.pop(0)

    def _took(self, *signs: str) -> str:
        """The next token if it is one of these."""
        if self.tokens and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return ""

    def binary(self, level: int) -> int:
        """Everything that binds at least as tight as a level."""
        if level == len(_ORDER):
            return self._unary()
        value = self.binary(level + 1)
        while sign := self._took(*_ORDER[level]):
            other = self.binary(level + 1)
            value = int(_OPERATE[_SAME.get(sign, sign)](value, other)) & U64
        return value

    def _unary(self) -> int:
        sign = self._took("-", "~", "not", "!")
        if not sign:
            return self._atom()
        self._deeper()
        value = self._unary()
        self._depth -= 1
        return {"-": -value, "~": ~value}.get(sign, int(not value)) & U64

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEP:
            raise CommandError(f"{self._text}: deeper than {_DEEP} parentheses")

    def _atom(self) -> int:
        kind, text = self._next()
        if text in ("(", "["):
            self._deeper()
            value = self.binary(0)
            if self._next()[1] != {"(": ")", "[": "]"}[text]:
                raise CommandError(f"{self._text}: a parenthesis is not closed")
            self._depth -= 1
            return value if text == "(" else self._memory(value)
        match kind:
            case "number":
                return self._number(text)
            case "word":
                return self._named(text)
            case "place":
                return self._place(text)
        raise CommandError(f"{self._text}: {text!r} is not expected here")

    def _number(self, text: str) -> int:
        value = parsed(text)
        if value is None:
            raise CommandError(f"{shown(text)} is not a number")
        if value > U64:
            raise CommandError(f"{text}: a number has 64 bits, this has {value.bit_length()}")
        return value

    def _memory(self, address: int) -> int:
        """What lies at a GVA of the CPU."""
        size = "8"
        if self._took("/"):
            size = self._next()[1]
        return self._place(f"gva:{address:#x}/{size}")

    def _named(self, text: str) -> int:
        machine, focus = self._machine, self._focus
        if text in WORDS:
            return WORDS[text](machine, focus) & U64
        register = place.register_of(text) is not None
        if not register and text[0] in place.SIGNS and not self._symbol(text):
            raise CommandError(f"{self._text}: there is no register {text[1:]!r}")
        bare = ":" not in text.replace("::", "") and "." not in text and not register
        if bare or self._symbol(text):
            return resolve(machine, text)[0]
        if self._dry and (register or ":" in text):
            return 0
        if ":" in text and is_digits(text.rpartition(":")[2]):
            return resolve(machine, text)[0]
        return self._value(text)

    def _symbol(self, text: str) -> bool:
        return bool(self._machine.board.layout.symbols.find(text))

    def _place(self, text: str) -> int:
        """What bytes hold that are named by a space, a table or a tree."""
        return 0 if self._dry else self._value(text)

    def _value(self, text: str) -> int:
        value = place.value(self._machine, place.place(self._machine, self._focus, text))
        if value is None:
            raise CommandError(f"{text}: that cpu has not started")
        return value
