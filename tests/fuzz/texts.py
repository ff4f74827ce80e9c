"""Text files (TOML, JSON, scripts) with wrong values, keys, lines and nesting."""

import re
from random import Random
from typing import Final

from tests.fuzz import odd
from tests.fuzz.case import Edit

_VALUE: Final = re.compile(
    rb'"(?:[^"\\\n]|\\.)*"|\b0x[0-9a-fA-F_]+|\b[0-9][0-9_.]*|\btrue\b|\bfalse\b|\bnull\b'
    rb"|\[[^\[\]\n]*\]|\{[^{}\n]*\}"
)
"""Strings, numbers, and the lists and tables that hold no other."""
_NUMBER: Final = re.compile(rb"[0-9][0-9_]*")
_WORD: Final = re.compile(rb"[A-Za-z_][\w.-]*")
_DEEP: Final = (2, 15, 16, 17, 100, 3_000)
_VALUES: Final = (
    "[]", "{}", "[[]]", "true", "false", "null", '""', "1979-05-27T07:32:00Z",
    "07:32:00", "5.0",
    "inf", "-inf", "nan", '"x"', '["a", 1]', "[1, 2, 3]", '{ a = 1 }', '{"a": 1}', "[-1]",
    '"²"', '"\\u0000"', '"\\ud800"', '"\\u001b[2J"', "''", "'''\n'''", '"/dev/zero"',
)  # fmt: skip


def edits(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    """A few wrong places of a text."""
    return tuple(_one(draw, data, others) for _ in range(draw.choice((1, 1, 1, 2, 4))))


def _one(draw: Random, data: bytes, others: tuple[bytes, ...]) -> Edit:
    kind = draw.randrange(8)
    if kind < 3 and (found := list(_VALUE.finditer(data))):
        one = draw.choice(found)
        if draw.random() < 0.5 and _NUMBER.fullmatch(one[0]):
            return Edit(one.start(), one.end() - one.start(), _near(draw, one[0]))
        return Edit(
            one.start(), one.end() - one.start(), value(draw).encode(errors="surrogatepass")
        )
    if kind == 3 and (found := list(_WORD.finditer(data))):
        one, other = draw.choice(found), draw.choice(found)
        return Edit(one.start(), one.end() - one.start(), other[0])
    if kind in (4, 5):
        return _line(draw, data, others)
    if kind == 6:
        new = odd.any_word(draw).encode(errors="surrogatepass")
        return Edit(draw.randrange(len(data) + 1), draw.choice((0, 0, 1, 5)), new)
    return odd.blind(draw, data, others)


def _near(draw: Random, old: bytes) -> bytes:
    """A number that may do as well as the one before."""
    was = int(old)
    return str(draw.choice((
        was + 1, max(was - 1, 0), 2 * was, was // 2, 10 * was, 0, 1, draw.randrange(64),
        1 << draw.randrange(63), draw.randrange(was + 1),
    ))).encode()  # fmt: skip


def value(draw: Random) -> str:
    """A value of another type or of no size that anybody expects."""
    kind = draw.randrange(5)
    if kind == 0:
        return odd.number(draw)
    if kind == 1:
        inner = odd.any_word(draw).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{inner}"'
    if kind == 2:
        depth = draw.choice(_DEEP)
        return "[" * depth + "]" * draw.choice((depth, depth, 0))
    if kind == 3:
        return f"[{', '.join(odd.number(draw) for _ in range(draw.choice((1, 2, 3_000))))}]"
    return draw.choice(_VALUES)


def _line(draw: Random, data: bytes, others: tuple[bytes, ...]) -> Edit:
    """A line twice, not at all, elsewhere, or of another file."""
    lines = data.splitlines(keepends=True) or [b""]
    at = draw.randrange(len(lines))
    start = sum(map(len, lines[:at]))
    kind = draw.randrange(4)
    if kind == 0:
        return Edit(start, len(lines[at]))
    if kind == 1:
        return Edit(start, 0, lines[at] * draw.choice((1, 2, 500)))
    other = draw.choice((data, *others)).splitlines(keepends=True) or [b""]
    return Edit(start, len(lines[at]) if kind == 2 else 0, draw.choice(other))
