"""The lines of a recording, each with its own check sum; docs/recording.md defines them."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from emu.debug.setup import Options
from emu.errors import RecordingError
from emu.given.plain import shown

FORMAT: Final = "apdbg-recording/1"
LINE_MAX: Final = 1 << 20
"""Bytes of one line."""
FILE_MAX: Final = 1 << 30
"""Bytes of a file: a boot of four CPUs has some ten thousand."""
_SUM_CELLS: Final = 8

Whole = Annotated[int, Meta(ge=0, lt=1 << 62)]
"""A tick, a beat, a CPU, a count: no machine runs on to the end of these."""


class _Line(Struct, frozen=True, tag_field="kind"):
    """What all lines are: the word `kind` tells them apart."""


class HeaderLine(_Line, frozen=True, tag="header"):
    """The first: what was booted, and with what."""

    format: str
    apdbg: str
    options: Options
    platform_text: str
    image_sha256: str
    kernel_sha256: str
    digest_ticks: Whole


class EntryLine(_Line, frozen=True, tag="entry"):
    """Something entered from outside."""

    tick: Whole
    beat: Whole
    text: str


class ScheduleLine(_Line, frozen=True, tag="schedule"):
    """Who executed behind tick `first`: (CPU, instructions)."""

    first: Whole
    runs: tuple[tuple[Whole, Whole], ...]


class DigestLine(_Line, frozen=True, tag="digest"):
    """The whole state at a moment."""

    tick: Whole
    beat: Whole
    entries: Whole
    digest: str


class BranchLine(_Line, frozen=True, tag="branch"):
    """The session left its course: only so many entries before this line still hold."""

    name: str
    tick: Whole
    entries: Whole


class EndLine(_Line, frozen=True, tag="end"):
    """The last of a recording that was finished; marks are (tick, beat, entries), and the CPU
    that was in focus there."""

    outcome: str
    reason: str
    marks: dict[str, tuple[Whole, Whole, Whole]]
    mark_cpus: dict[str, Whole] = {}


AnyLine = HeaderLine | EntryLine | ScheduleLine | DigestLine | BranchLine | EndLine
_KINDS: Final = {one.__struct_config__.tag for one in AnyLine.__args__}


class _Kind(Struct):
    """What even a line of a later version has."""

    kind: str


def written(line: AnyLine) -> bytes:
    """One line: the check sum of the JSON behind it, then the JSON."""
    try:
        return _summed(msgspec.json.encode(line)) + b"\n"
    except UnicodeEncodeError as error:
        name = shown(error.object)
        raise RecordingError(f"{name}: a name that is no UTF-8 cannot be recorded") from None


def copied(line: AnyLine) -> str:
    """The same for a line that goes through pages and mails: ASCII without control characters,
    and without its end."""
    written(line)
    text = json.dumps(msgspec.to_builtins(line), separators=(",", ":"))
    return _summed(text.replace("\x7f", "\\u007f").encode()).decode()


def _summed(text: bytes) -> bytes:
    return f"{zlib.crc32(text):08x} ".encode() + text


def lines(path: Path, data: bytes) -> Iterator[tuple[int, AnyLine | None]]:
    """(number, line) of each that is known, and (number, None) for the first that is damaged or
    cut, which ends it. Raises RecordingError for one that is whole and makes no sense."""
    *whole, rest = data.split(b"\n")
    for number, raw in enumerate([*whole, rest] if rest else whole, 1):
        text = raw[_SUM_CELLS + 1 :]
        if raw != _summed(text) or number > len(whole) or len(raw) > LINE_MAX:
            yield number, None
            return
        line = _read(text, f"{path}: line {number}")
        if line is not None:
            yield number, line


def _read(text: bytes, where: str) -> AnyLine | None:
    """One line; None of a kind that this version does not know."""
    try:
        kind = msgspec.json.decode(text, type=_Kind).kind
        return msgspec.json.decode(text, type=AnyLine) if kind in _KINDS else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(f"{where}: {shown(str(error))[1:-1]}") from None
