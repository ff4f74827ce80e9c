"""Files that people name: read whole, bounded, and only if they are files.

A device, a pipe or a folder is refused before it is read: /dev/zero has no end, and a pipe that
nobody writes keeps its reader waiting for ever.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from emu.errors import ApdbgError
from emu.given.plain import shown

PIECE_BYTES: Final = 16 << 20
"""Read at a time: memory is asked for as it is filled."""


def read_file(name: str | Path, bytes_max: int, error: type[ApdbgError] = ApdbgError) -> bytes:
    """The bytes of a regular file; raises the given error with one sentence that names it."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(mode):
                raise error(f"{name}: is a directory")
            if not stat.S_ISREG(mode):
                raise error(f"{name}: is no file")
            data = _read(descriptor, bytes_max + 1)
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise error(f"{name}: cannot be read: {problem.strerror}") from None
    except ValueError:  # a NUL in the name
        raise error(f"{shown(str(name))} is no name of a file") from None
    if len(data) > bytes_max:
        raise error(f"{name}: is larger than {_size(bytes_max)}")
    return data


def _read(descriptor: int, count: int) -> bytes:
    """Up to so many bytes, or to the end."""
    pieces = []
    while count > 0 and (piece := os.read(descriptor, min(count, PIECE_BYTES))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count:,} bytes"


@contextmanager
def new_file(name: str | Path, error: type[ApdbgError] = ApdbgError) -> Iterator[IO[bytes]]:
    """A file to write, which takes its name when it is whole and on the disk: what stood there
    before is there until then. Raises the given error with one sentence that names it."""
    place = Path(name)
    try:
        new = _beside(place) if _replaceable(place) else place
        try:
            if new != place:
                _UNFINISHED.add(new)
            with _opened(new, exclusive=new != place) as file:
                yield file
                file.flush()
                if new != place:
                    os.fsync(file.fileno())
            if new != place:
                new.replace(place)
        except BaseException:
            if new != place:
                new.unlink(missing_ok=True)
            raise
        finally:
            _UNFINISHED.discard(new)
    except OSError as problem:
        raise error(f"{name}: cannot be written: {problem.strerror}") from None
    except ValueError:  # a NUL in the name, or no name at all
        raise error(f"{shown(str(name))} is no name of a file") from None


_UNFINISHED: Final[set[Path]] = set()
"""Files that have not taken their names yet."""


def drop_unfinished() -> None:
    """The process ends here and now: nothing that is half written stays behind."""
    for new in tuple(_UNFINISHED):
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _beside(place: Path) -> Path:
    """The name until then: of this process alone, since another may write the same file."""
    new = place.with_name(f"{place.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)  # of a process that was killed and had this number
    return new


def _opened(place: Path, *, exclusive: bool) -> IO[bytes]:
    """A file to write; `exclusive`: one that nobody else has laid there."""
    kind = os.O_EXCL if exclusive else os.O_TRUNC
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | kind
    return open(os.open(place, flags, 0o666), "wb")


@contextmanager
def live_file(name: str | Path, error: type[ApdbgError] = ApdbgError) -> Iterator[IO[bytes]]:
    """A file that is written while something goes on, under its own name from the first byte;
    raises the given error with one sentence if it cannot be opened, and OSError later, where
    it is flushed."""
    try:
        file = _opened(Path(name), exclusive=False)
    except OSError as problem:
        raise error(f"{name}: cannot be written: {problem.strerror}") from None
    except ValueError:
        raise error(f"{shown(str(name))} is no name of a file") from None
    try:
        yield file
    finally:
        with suppress(OSError):  # what could not be flushed has been said
            file.close()


def _replaceable(place: Path) -> bool:
    """Whether another file may take its place: a device or a pipe is written as it is."""
    return not place.exists() or (place.is_file() and not place.is_symlink())
