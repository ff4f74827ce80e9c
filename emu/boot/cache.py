"""What was read of an image's debug information, on disk for the next start.

Each image has a folder, by the hash of its bytes, and each question about it a file: what it
says never changes, so two processes can only write the same. Nothing in it is executed, and
whatever is wrong with a file or with the disk only costs reading the image again.
"""

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

FORMAT: Final = f"apdbg debug information 2 {sys.byteorder}"
"""Counted up when an answer has another shape or meaning than before."""
IMAGES_MAX: Final = 64
BYTES_MAX: Final = 128 << 20
"""Of all images together, looked at when another one comes; those not used longest go."""
ANSWER_BYTES_MAX: Final = 8 << 20
"""A longer answer is not kept."""
_CHECK_BYTES: Final = 32
_OURS: Final = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


def cache_root() -> Path | None:
    """The folder of all images; None where the system has no place for one."""
    from platformdirs import user_cache_path

    try:
        found = user_cache_path("apdbg") / "debug-information"
    except (OSError, RuntimeError):  # nobody knows where this user's home is
        return None
    return found if found.is_absolute() else None


class DebugCache:
    """The answers about one image."""

    def __init__(self, root: Path | None, sha256: str) -> None:
        """`root`: the folder of all images; None keeps nothing."""
        self._folder = None if root is None else root / sha256
        self._sha256 = sha256
        self._touched = False

    def read(self, question: str, kind: type[T]) -> T | None:
        """The answer, None where there is none that was written by this version whole."""
        place = self._place(question)
        try:
            if place is None or not place.is_file():
                return None
            with place.open("rb") as file:
                data = file.read(_CHECK_BYTES + ANSWER_BYTES_MAX)
            if data[:_CHECK_BYTES] != self._check(question, data[_CHECK_BYTES:]):
                return None
            self._touch()
            return msgspec.msgpack.decode(data[_CHECK_BYTES:], type=kind)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def write(self, question: str, answer: object) -> None:
        """Keep an answer; where nothing can be written, nothing is kept."""
        place = self._place(question)
        try:
            data = msgspec.msgpack.encode(answer)
        except (OverflowError, ValueError):  # numbers of a damaged image may be of any size
            return
        if place is None or len(data) > ANSWER_BYTES_MAX:
            return
        new = place.with_suffix(f".{os.getpid()}")
        try:
            if not place.parent.is_dir():
                _make_room(place.parent.parent)
                place.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(self._check(question, data) + data)
            new.replace(place)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()

    def _place(self, question: str) -> Path | None:
        """Questions have names of structs in them, which no file may be called by."""
        name = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()
        return None if self._folder is None else self._folder / name[:_CHECK_BYTES]

    def _check(self, question: str, data: bytes) -> bytes:
        """Of the answer, and of what it answers in which version."""
        words = "\0".join((FORMAT, self._sha256, question))
        return hashlib.sha256(words.encode("utf-8", "surrogatepass") + b"\0" + data).digest()

    def _touch(self) -> None:
        """Once a session: this is no image that nobody used for long."""
        if self._folder is not None and not self._touched:
            self._touched = True
            with contextlib.suppress(OSError):  # a disk that can only be read
                os.utime(self._folder)


def _make_room(root: Path) -> None:
    """Drop what was not used longest, so that one more image has room. What has another name
    is not ours, and stays."""
    left = BYTES_MAX
    newest_first = sorted(_folders(root), key=lambda folder: -folder.stat().st_mtime)
    for number, folder in enumerate(newest_first):
        files = [place for place in folder.iterdir() if place.is_file()]
        left -= sum(place.stat().st_size for place in files)
        if number >= IMAGES_MAX - 1 or left < 0:
            for place in files:
                place.unlink()
            folder.rmdir()


def _folders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        for place in root.iterdir():
            if _OURS.fullmatch(place.name) and place.is_dir() and not place.is_symlink():
                yield place
