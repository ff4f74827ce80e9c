"""What a boot shim has logged in its own memory: a header, and lines behind it.

Source: openvmm, `support/string_page_buf/src/lib.rs` (`StringBuffer`: u16 capacity, u16 used,
u16 dropped, then the data), as it is, and as it was before entries had headers of their own:
then the data are text, and lines are `[INFO] words` (`openhcl_boot/src/boot_logger.rs`).
"""

import struct
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("<HHH")
_ENTRY: Final = struct.Struct("<BH")
_LEVELS: Final = ("error", "warn", "info", "debug", "trace")
"""By the byte that an entry begins with; no text begins with one of these."""
LINE_BYTES_MAX: Final = 1_024
"""Of a line without an end so much is one."""


class LogHeader(NamedTuple):
    """The first six bytes."""

    capacity: int
    used: int
    dropped: int
    """Messages for which there was no room; the sample counts bytes."""

    def fits(self, size: int) -> bool:
        """Whether it can be that of a log in so many bytes of memory."""
        return 0 < self.capacity <= size - HEADER.size and self.used <= self.capacity


class LogLine(NamedTuple):
    """One line, without its end."""

    level: str
    """`error`, `warn`, `info`, `debug` or `trace`; empty where it says none."""
    text: str
    """As a serial line shows it: with `[INFO] ` before it, if it has a level."""


def read_header(data: bytes) -> LogHeader:
    """Of the first bytes of the log."""
    return LogHeader(*HEADER.unpack_from(data))


def finished(data: bytes) -> tuple[list[LogLine], int]:
    """The lines that are whole in what was added to the log, and how many of its bytes they
    take; lines without a letter are none."""
    found, at = list[LogLine](), 0
    while at < len(data):
        end, lines = _next(data, at)
        if end is None:
            break
        found += lines
        at = end
    return found, at


def _next(data: bytes, at: int) -> tuple[int | None, list[LogLine]]:
    """(where the next entry or line ends, its lines); None: it is not finished."""
    if data[at] < len(_LEVELS):
        if at + _ENTRY.size > len(data):
            return None, []
        level, length = _ENTRY.unpack_from(data, at)
        first = at + _ENTRY.size
        # No empty entry is ever stored: zeros are counted, and not written yet.
        if first + length > len(data) or not any(data[at:first]):
            return None, []
        words = data[first : first + length]
        return first + length, _lines(words, _LEVELS[level])
    end = data.find(b"\n", at, at + LINE_BYTES_MAX)
    if end < 0:
        if len(data) - at < LINE_BYTES_MAX:
            return None, []
        end = at + LINE_BYTES_MAX - 1
    return end + 1, [_of_text(one) for one in _split(data[at : end + 1])]


def _lines(data: bytes, level: str) -> list[LogLine]:
    """The lines of an entry; its level stands before the first, as where it is printed."""
    first, *others = _split(data) or [""]
    head = [LogLine(level, f"[{level.upper()}] {first}")] if first else []
    return [*head, *(LogLine(level, one) for one in others)]


def _split(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").split("\n")
    return [one.rstrip() for one in lines if one.strip()]


def _of_text(text: str) -> LogLine:
    word, closed, _ = text[1:].partition("]")
    known = text.startswith("[") and closed and word.lower() in _LEVELS
    return LogLine(word.lower() if known else "", text)
