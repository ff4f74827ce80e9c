"""Numbers as people write them."""

import re
from typing import Final

from emu.errors import CommandError
from emu.given.plain import shown

CELLS_MAX: Final = 80
"""No number of ours has more bits than fit; Python takes its time over thousands of digits."""


_THOUSANDS: Final = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+")


def is_digits(text: str) -> bool:
    """Whether it is one or more of 0 to 9: Unicode has 700 digits more, which `int` refuses or
    takes for numbers that nobody sees."""
    return text.isascii() and text.isdigit() and len(text) <= CELLS_MAX


def begins_a_number(text: str) -> bool:
    """Whether the first character is one of 0 to 9."""
    return is_digits(text[:1])


def parsed(text: str, base: int = 0) -> int | None:
    """The number that a text is, decimal (with `_`, or `,` between thousands), 0x-hex or of a
    base; else None: `4,16` is two numbers, and none of them 416."""
    if not text.isascii() or len(text) > CELLS_MAX:
        return None
    if "," in text and not _THOUSANDS.fullmatch(text):
        return None
    try:
        return int(text.replace(",", ""), base)
    except ValueError:
        return None


def number(text: str, what: str) -> int:
    """A whole number not below 0, decimal (with `_`, or `,` between thousands) or 0x-hex."""
    value = parsed(text)
    if value is None:
        raise CommandError(f"{what}: {shown(text)} is not a number")
    if value < 0:
        raise CommandError(f"{what}: {shown(text)} is below 0")
    return value


def how_often(text: str, what: str) -> int:
    """A number of times: what is to be done no time at all is a slip of the finger."""
    value = number(text, what)
    if value == 0:
        raise CommandError(f"{what}: 0 is none: at least one")
    return value
