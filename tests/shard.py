"""Breadth by the day: of many cases with one promise each day runs another part.

Nothing is drawn by chance. The day decides, `APDBG_DAY=739000 make test` runs the same tests
again. Of a list, each case is run once on so many days in a row; of seeds, no two days share
one.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import pytest

VARIABLE: Final = "APDBG_DAY"
T = TypeVar("T")
_BREADTH: Final = pytest.mark.breadth


def day_of(text: str | None) -> int:
    """The day by its number; without one today (UTC), as datetime counts. Raises UsageError."""
    if text is None:
        return datetime.now(UTC).date().toordinal()
    if not text.isascii() or not text.isdigit():
        raise pytest.UsageError(f"{VARIABLE}={text} is not the number of a day")
    return int(text)


DAY: Final = day_of(os.environ.get(VARIABLE))
os.environ[VARIABLE] = str(DAY)  # workers that begin behind midnight have the same day


def of_the_day(cases: Sequence[T], days: int, day: int = DAY) -> Sequence[T]:
    """What is run today: every case on exactly one of `days` days in a row."""
    return cases[day % days :: days]


def breadth(
    cases: Iterable[Any], keep: int = 0, every: int = 0, *, rows: bool = False
) -> list[Any]:
    """All cases as parameters (`rows`: each has several), most of them marked as breadth: not
    so the first `keep` of them, nor the first of `every` so many."""
    return [
        case
        if place < keep or (every and place % every == 0)
        else pytest.param(*(case if rows else (case,)), marks=_BREADTH)
        for place, case in enumerate(cases)
    ]


def seeds(count: int, day: int = DAY) -> range:
    """Seeds that no other day has: so many programs are drawn anew every day."""
    return range(day * count, (day + 1) * count)
