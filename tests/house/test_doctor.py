"""`apdbg doctor` says in words what works, also on a machine where little does."""

import os
import re
import subprocess
import sys
import tomllib

import pytest

from tests.house.tree import ROOT
from tui import doctor

WITHOUT_UNICORN = """
import sys
sys.modules["unicorn"] = None
from tui.doctor import report
text, healthy = report()
print(text)
sys.exit(0 if healthy else 1)
"""


def test_the_doctor_asks_for_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[^\w.-]", text)[0] for text in project["dependencies"]}
    assert {name for name, _ in doctor.DEPENDENCIES} == named


def test_the_oldest_python_is_the_one_that_pyproject_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">={}.{}".format(*doctor.PYTHON_MIN)


def test_nothing_is_bad_where_the_tests_run() -> None:
    text, healthy = doctor.report()
    assert healthy, text
    assert "\nEverything that apdbg needs works here.\nNext: `apdbg " in text


def test_a_missing_library_is_named_without_a_traceback() -> None:
    command = [sys.executable, "-c", WITHOUT_UNICORN]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (1, "")
    assert "bad   unicorn" in result.stdout
    assert "bad   emulator" in result.stdout
    assert result.stdout.endswith(
        "apdbg does not work here: see unicorn, emulator.\n"
        "Next: `pip install --force-reinstall apdbg` brings unicorn.\n"
    )


def test_a_small_or_plain_terminal_is_only_a_note() -> None:
    small = os.terminal_size((40, 12))
    checks = tuple(doctor._terminal({"TERM": "vt100", "NO_COLOR": "1"}, True, small))
    assert [(check.state, check.detail) for check in checks[:2]] == [
        ("note", "40x12: 80x24 or more shows everything"),
        ("ok", "none (NO_COLOR is set)"),
    ]


@pytest.mark.parametrize(
    ("settings", "on_terminal", "size", "says"),
    [
        ({"TERM": "xterm"}, True, (80, 24), "`apdbg` opens the sample shim, c boots it"),
        ({"TERM": "xterm"}, True, (79, 24), "make the terminal larger"),
        ({"TERM": "dumb"}, True, (80, 24), "`apdbg --lines` opens"),
        ({}, True, (80, 24), "`apdbg --lines` opens"),
        ({"TERM": "xterm"}, False, (80, 24), "`apdbg run` boots"),
    ],
)
def test_the_last_words_are_what_to_type_on_such_a_terminal(
    settings: dict[str, str], on_terminal: bool, size: tuple[int, int], says: str
) -> None:
    checks = tuple(doctor._terminal(settings, on_terminal, os.terminal_size(size)))
    assert f"\nNext: {says}" in doctor.as_text(checks)


def test_what_is_bad_comes_before_anything_else_that_could_be_typed() -> None:
    bad = doctor.Check("samples", "bad", "they are missing")
    note = doctor.Check("terminal", "note", f"{doctor.NO_TERMINAL}: so it is")
    said = doctor.as_text((note, bad))
    assert said.endswith("brings the samples, or call it in a checkout.")
