"""Text of others, so that it can be shown: what would move a terminal is spelled out."""

import unicodedata
from typing import Final

SHOWN_MAX: Final = 80
"""Characters of a word that an error repeats."""
_KEPT: Final = ("\n", "\t")
_SPELLED: Final = ("C", "Zl", "Zp")
"""How categories of Unicode begin that are no sign: controls, formats (which turn the direction
of what follows), halves of pairs (bytes of a file name that are no UTF-8), what nobody has
assigned, and line separators."""


def plain(text: str) -> str:
    """The text with every character visible but for line ends and tabs."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    if character in _KEPT or not unicodedata.category(character).startswith(_SPELLED):
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383: a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x1_0000 else f"\\U{code:08x}"


def plain_json(text: str) -> str:
    """The same value in JSON with every character visible: what `plain` spells out stands here
    as JSON spells it, so that a parser reads what was written."""
    return text if plain(text) == text else "".join(map(_json_spelled, text))


def _json_spelled(character: str) -> str:
    if plain(character) == character:
        return character
    pairs = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[at : at + 2].hex()}" for at in range(0, len(pairs), 2))


def shown(value: object) -> str:
    """What somebody gave, in quotes, on one line and no longer than an error may be."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
