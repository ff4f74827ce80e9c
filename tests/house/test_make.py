"""The Makefile says what it can do, and does what the documents say."""

import re
import subprocess
from collections.abc import Iterable

import pytest

from tests.debug import test_findings, test_time_travel
from tests.house.tree import ROOT
from tests.shard import of_the_day

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHECKS = ("-m ruff check .", "-m ruff format --check .", "-m mypy")
SILENT = {"clean", "checks"}
"""Targets that need no word of explanation."""


def recipe(*words: str) -> list[str]:
    """The commands that make would run, without the set-up."""
    done = subprocess.run(
        ["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return [line for line in done.stdout.splitlines() if " -m " in line]


def checked(lines: Iterable[str]) -> list[str]:
    return [check for line in lines for check in CHECKS if line.endswith(check)]


def test_the_first_lines_of_the_makefile_explain_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    explained = re.findall(r"^# make (\w+) ", MAKEFILE, re.MULTILINE)
    assert sorted(explained) == sorted(set(phony.split()) - SILENT)


def test_every_target_of_the_readme_is_there() -> None:
    pages = ROOT.glob("docs/**/*.md")
    texts = [README, CONTRIBUTING, *(path.read_text(encoding="utf-8") for path in pages)]
    named = {
        name for text in texts for name in re.findall(r"(?:^|`|[$\d] )make (\w+)", text, re.M)
    }
    assert named >= {"run", "test", "quick", "samples", "bench"}
    assert {
        name for name in named if not re.search(rf"^{name}:", MAKEFILE, re.MULTILINE)
    } == set()


@pytest.mark.parametrize("target", ["test", "quick"])
def test_every_check_is_made_before_the_tests(target: str) -> None:
    *first, last = recipe(target)
    assert checked(first) == list(CHECKS)
    assert "-m pytest -n auto " in last
    assert ("not breadth" in last) == (target == "quick")


@pytest.mark.parametrize("target", ["test", "quick"])
def test_words_for_pytest_are_handed_on(target: str) -> None:
    assert recipe(target, "ARGS=-k mailbox")[-1].endswith(" -k mailbox")


def test_the_documents_say_how_much_a_day_runs() -> None:
    schedules, programs = test_findings.SCHEDULES, test_time_travel.PROGRAMS
    chunks = of_the_day(range(test_findings.CHUNKS), test_findings.DAYS)
    a_day = len(chunks) * test_findings.CHUNK * len(test_findings.PLATFORMS)
    assert f"{a_day} of {schedules:,} random schedules" in CONTRIBUTING
    a_day = len(test_time_travel.SEEDS) * test_time_travel.PER_MACHINE
    words = " ".join(CONTRIBUTING.split())
    assert f"{a_day} of {programs:,} programs of time travel" in words
    assert test_findings.DAYS == test_time_travel.DAYS == 5
    assert "five days in a row run all of them" in words
