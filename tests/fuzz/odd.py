"""Numbers, words and bytes that programs are wrong about."""

from random import Random
from typing import Final

from tests.fuzz.case import Edit

NUMBERS: Final = (
    "0", "1", "-1", "+1", "2147483647", "4294967295", "4294967296", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "1" + "0" * 30, "9" * 79, "9" * 81, "9" * 4_400, "0x" + "f" * 16, "0x1" + "0" * 16,
    "0x" + "f" * 5_000, "0x", "0b101", "0o17", "1e30", "1e999", "-0", "0.0", "inf", "nan",
    "1_000", "1,000", "1__0", "_1", "2_048", "0x8000000", "0x840_0000", "4096", "4095", "007",
)  # fmt: skip
"""Around the borders of words, of what Python prints, and of how numbers are written."""
DIGITS: Final = ("\u00b2", "\u0663", "\uff19", "\u09ea", "\U0001d7d7", "\u2468", "\u00bd")
"""Digits of other scripts: `isdigit` and `int` disagree about some of them."""
TEXTS: Final = (
    "", " ", "\0", "a\0b", "\x1b[2J", "\x1b]0;x\x07", "\u202e", "\u2028", "\r", "\n", "\t",
    "\ud800", "\udcff", "\ufeff", "é", "日本", "🦀", "%s%n", "{}", "{0.__class__}", "'", '"',
    '"""', "\\", "\\x", "../../x", "/dev/null", "/dev/zero", "/proc/self/mem", "~", ".", "..",
    "-", "--", "--help", "#", ";", ":", "=", "/", "@", "*", "$rax", "()",
    "((((", "[[[[", "]]]]",
    "None", "true", "null", "NaN", "x" * 300, "x" * 70_000, "(" * 3_000, "[" * 3_000,
    "not " * 2_000 + "1", "-" * 2_000 + "1",
)  # fmt: skip
WORDS: Final = (0, 1, 2, 3, 7, 8, 0x10, 0x7F, 0x80, 0xFF)


def number(draw: Random) -> str:
    """A number that few expect, or one of any length."""
    kind = draw.randrange(6)
    if kind < 3:
        return draw.choice(NUMBERS)
    if kind == 3:
        return draw.choice(DIGITS)
    if kind == 4:
        return draw.choice("-+~ ") + str(draw.getrandbits(draw.choice((4, 16, 63, 65, 128))))
    return hex(draw.getrandbits(draw.choice((8, 32, 48, 64, 72, 96, 300))))


def text(draw: Random) -> str:
    """A word that few expect."""
    one = draw.choice(TEXTS)
    if draw.random() < 0.2:
        one += draw.choice(TEXTS)
    return one


def any_word(draw: Random) -> str:
    """A number or a word."""
    return number(draw) if draw.random() < 0.5 else text(draw)


def field(draw: Random, width: int, order: str = "little") -> bytes:
    """A number of so many bytes at or near a border, as a header may hold it."""
    top = 1 << 8 * width
    base = draw.choice(
        (0, 0, top // 2, top - 1, 1 << draw.randrange(8 * width), draw.randrange(top))
    )
    value = (base + draw.choice((-1, 0, 0, 1, 8))) % top
    return value.to_bytes(width, "big" if order == "big" else "little")


def blind(draw: Random, data: bytes, others: tuple[bytes, ...]) -> Edit:
    """An edit that knows nothing of what it changes."""
    at = draw.randrange(len(data) + 1)
    match draw.randrange(7):
        case 0:  # one bit
            old = data[at : at + 1]
            return Edit(at, 1, bytes(b ^ 1 << draw.randrange(8) for b in old))
        case 1:
            width = draw.choice((1, 2, 4, 8))
            return Edit(at, width, field(draw, width, draw.choice(("little", "big"))))
        case 2:  # cut off
            return Edit(at, len(data))
        case 3:
            return Edit(at, draw.choice((1, 2, 4, 8, 64, 4096)))
        case 4:
            return Edit(at, 0, draw.randbytes(draw.choice((1, 3, 16, 300))))
        case 5:  # spliced with another, or with itself
            other = draw.choice((*others, data))
            first = draw.randrange(len(other) + 1)
            size = draw.choice((8, 56, 64, 500, 5_000))
            return Edit(at, draw.choice((0, size)), other[first : first + size])
        case _:
            return Edit(at, 0, data[at : at + 64] * draw.choice((2, 20, 500)))
