"""What is promised of every input: it works, or it is refused in one clear sentence; within
5 s of the processor and 1 GB of memory."""

import resource
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from emu.errors import ApdbgError
from tests.fuzz import doors
from tests.fuzz.case import Case
from tests.fuzz.kinds import Kind

KIB_MAX: Final = 1 << 20
Became = Literal["works", "refused", "failed"]


class Outcome(Struct, frozen=True):
    """What became of a case; `words`: the sentence, or the last lines of a traceback."""

    became: Became
    words: str = ""
    where: str = ""
    """Of a failure: the exception and the innermost line of ours, which tells kinds apart."""
    seconds: float = 0.0


def tried(kind: Kind, case: Case, folder: Path) -> Outcome:
    """Give a case to the program."""
    return judged(kind, lambda: kind.enter(case, folder))


def judged(kind: Kind, given: Callable[[], None]) -> Outcome:
    """What becomes of something that is given to the program."""
    began, large = time.process_time(), peak_kib() > KIB_MAX
    try:
        given()
        found = Outcome("works")
    except ApdbgError as error:
        found = _refused(error)
    except (Exception, RecursionError, MemoryError) as error:
        found = _failed(error)
    seconds = time.process_time() - began
    if found.became != "failed" and kind.bounded and seconds > doors.SECONDS_MAX:
        return Outcome("failed", f"{seconds:.1f} s", "too slow", seconds)
    if found.became != "failed" and not large and peak_kib() > KIB_MAX:
        return Outcome("failed", f"{peak_kib() >> 10:,} MiB", "too large", seconds)
    return Outcome(found.became, found.words, found.where, seconds)


def _refused(error: ApdbgError) -> Outcome:
    try:
        doors.told(error)
    except AssertionError as problem:
        return Outcome("failed", str(error), f"refused, but {problem}")
    return Outcome("refused", str(error))


def _failed(error: BaseException) -> Outcome:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "/emu/" in one.filename or "/tui/" in one.filename]
    last = (ours or frames)[-1]
    where = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
    return Outcome("failed", "".join(traceback.format_exception(error))[-4_000:], where)


def peak_kib() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
