"""What Linux says when it gives up, on the serial line or in a report to the host.

Source: Linux, kernel/panic.c (panic: the sentence, and the line behind which nothing comes).
"""

from typing import Final

_SAYS: Final = b"Kernel panic - not syncing: "
_IS_OVER: Final = b"---[ end Kernel panic"
_ITS_END: Final = b"]---"
_SENTENCE_MAX: Final = 200
"""Bytes of it that are told."""


def sentence(text: bytes) -> str:
    """`Kernel panic - not syncing: Attempted to kill init!`, the first one; empty where there
    is none."""
    at = text.find(_SAYS)
    if at < 0:
        return ""
    line = text[at : at + _SENTENCE_MAX].partition(b"\n")[0].rstrip()
    return "".join(chr(byte) for byte in line if 0x20 <= byte < 0x7F)


def is_over(line: bytes) -> bool:
    """Whether a line is the last one that a kernel writes that does not start anew."""
    return _IS_OVER in line and line.endswith(_ITS_END)
