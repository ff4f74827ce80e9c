"""Numbers as people write them."""

from emu.errors import CommandError


def number(text: str, what: str) -> int:
    """A whole number not below 0, decimal (with `,` or `_`) or 0x-hex."""
    try:
        value = int(text.replace(",", "_"), 0)
    except ValueError:
        raise CommandError(f"{what}: {text!r} is not a number") from None
    if value < 0:
        raise CommandError(f"{what}: {text!r} is below 0")
    return value


def how_often(text: str, what: str) -> int:
    """A number of times: what is to be done no time at all is a slip of the finger."""
    value = number(text, what)
    if value == 0:
        raise CommandError(f"{what}: 0 is none: at least one")
    return value
