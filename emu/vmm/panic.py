"""What a guest says when it gives up: on the serial line, in its log, in a report to the host.

Source: Linux, kernel/panic.c (panic: the sentence, and the line behind which nothing comes);
Rust, library/core/src/panic/panic_info.rs (what `PanicInfo` displays: the place, and the
message on a line of its own).
"""

import re
from typing import Final

_SAYS: Final = b"Kernel panic - not syncing: "
_OF_RUST: Final = re.compile(
    rb"^(?:\[[A-Z]+\] )?(panicked at [^\r\n]+)(?:\r?\n([^\r\n]*))?", re.MULTILINE
)
"""At the beginning of a line: a thread that panics has its name there, and ends alone."""
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
    return _words(text[at : at + _SENTENCE_MAX].partition(b"\n")[0])


def of_rust(text: bytes) -> str:
    """`panicked at src/main.rs:12:5: no memory`, the first one; empty where there is none. It
    is the guest's end only if the guest has ended."""
    found = _OF_RUST.search(text)
    if found is None:
        return ""
    place, message = found[1], found[2] or b""
    told = place + b" " + message if place.endswith(b":") else place
    return _words(told[:_SENTENCE_MAX])


def _words(data: bytes) -> str:
    return "".join(chr(byte) for byte in data.rstrip() if 0x20 <= byte < 0x7F)


def is_over(line: bytes) -> bool:
    """Whether a line is the last one that a kernel writes that does not start anew."""
    return _IS_OVER in line and line.endswith(_ITS_END)
