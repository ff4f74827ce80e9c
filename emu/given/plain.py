"""Text of others, so that it can be shown: what would move a terminal is spelled out."""

import unicodedata
from typing import Final

SHOWN_MAX: Final = 80
"""Characters of a word that an error repeats."""
_KEPT: Final = ("\n", "\t")
_SPELLED: Final = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Categories of Unicode that are no sign: controls, formats (which turn the direction of what
follows), halves of pairs (bytes of a file name that are no UTF-8), line separators."""


def plain(text: str) -> str:
    """The text with every character visible but for line ends and tabs."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _SPELLED:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383: a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else "?"


def shown(value: object) -> str:
    """What somebody gave, in quotes, on one line and no longer than an error may be."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
