"""What a day runs of the tests: its part, the same again, and the rest on the next days."""

import os
import re
import subprocess
import sys

import pytest

from tests.debug.test_findings import DAYS
from tests.house.tree import ROOT
from tests.shard import VARIABLE, day_of, of_the_day

SHARDED = "tests/debug/test_findings.py"
DRAWN = "tests/vmm/test_clock.py"


def pytest_of(day: str, *words: str) -> str:
    """What pytest says on a day."""
    command = [sys.executable, "-m", "pytest", *words]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, VARIABLE: day}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("days", [1, 2, 5, 7])
@pytest.mark.parametrize("first", [0, 739_000, 739_004])
def test_days_in_a_row_run_every_case_once(first: int, days: int) -> None:
    cases = range(23)
    parts = [of_the_day(cases, days, day) for day in range(first, first + days)]
    assert sorted(case for part in parts for case in part) == list(cases)


def test_a_day_is_a_number() -> None:
    assert day_of("739000") == 739_000
    for text in ("", "today", "-1", "7.5", "\N{SUPERSCRIPT TWO}"):
        with pytest.raises(pytest.UsageError, match=f"{VARIABLE}={text} is not the number"):
            day_of(text)


@pytest.mark.breadth
def test_a_day_chooses_its_tests_and_the_header_tells_it() -> None:
    def chosen(day: int) -> list[str]:
        said = pytest_of(str(day), "--collect-only", SHARDED, "-k", "random_schedule")
        assert f"day: {day} ({VARIABLE}={day} make test repeats it)" in said
        return re.findall("<Function (.*)>", said)

    first = chosen(739_000)
    assert first and first == chosen(739_000 + DAYS)
    assert set(first).isdisjoint(chosen(739_001))


@pytest.mark.breadth
def test_the_examples_of_a_day_are_the_same_whatever_runs_before_them() -> None:
    def examples(day: str, *before: str) -> list[str]:
        said = pytest_of(day, "-q", "-s", "--hypothesis-verbosity=verbose", *before, DRAWN)
        return re.findall(r"test_(?:the_tsc|a_deadline)\w+\(\n.*?\n\)", said, re.DOTALL)

    found = examples("739000")
    assert len(found) > 100
    assert examples("739000", "tests/tui/test_prompt.py", "tests/debug/test_steps.py") == found
    assert examples("739001") != found
