"""Every file of the rooms in which the hard things happen has tests that open no session."""

import ast
from pathlib import Path
from typing import Final

import pytest

from tests.house.tree import ROOT, imported, module, name, parsed, python_files

ROOMS: Final = {"emu/machine": "tests/machine", "emu/timeline": "tests/timeline"}
"""Room -> the folder of its tests."""
ELSEWHERE: Final = {
    "emu.machine.pause": "tests/machine/test_machine.py",
    "emu.machine.event": "tests/machine/test_logs.py",
    "emu.machine.by_hand": "tests/machine/test_machine.py",
    "emu.machine.aps": "tests/machine/test_live_aps.py",
}
"""Module -> the file that tests it under another name: values that only the logs keep, and what
`test_by_hand` and `test_aps` look at in sessions."""
SESSIONS: Final = frozenset(("open_session", "Session", "boot", "read"))
"""Names by which a session is opened, or asked."""
SETUP: Final = "emu.debug.setup"
"""What to boot is said in words that lie above; it opens nothing."""
MODULES: Final = tuple(
    path for room in ROOMS for path in python_files(room) if path.name != "__init__.py"
)


def file_of(path: Path) -> Path:
    """The file with the tests of a module."""
    folder = ROOMS[path.parent.relative_to(ROOT).as_posix()]
    return ROOT / ELSEWHERE.get(module(path), f"{folder}/test_{path.name}")


def opened(path: Path) -> list[str]:
    """Where a file has to do with a session, as `file:line: what`."""
    found = [
        (line, target)
        for line, target in imported(path)
        if target.rpartition(".")[2] in SESSIONS
        or (target.startswith("emu.debug.") and not target.startswith(SETUP))
    ]
    found += [
        (node.lineno, f".{node.attr}")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in SESSIONS - {"read"}
    ]
    return [f"{name(path)}:{line}: {what}" for line, what in found]


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_a_module_of_the_rooms_has_tests_of_its_own(path: Path) -> None:
    file = file_of(path)
    assert file.is_file(), f"{name(file)} is missing"
    assert module(path) in {
        one for _, target in imported(file) for one in (target, target.rpartition(".")[0])
    }, f"{name(file)} imports nothing of {module(path)}"
    assert not opened(file)


def test_tests_under_another_name_are_of_modules_that_there_are() -> None:
    assert ELSEWHERE.keys() <= {module(path) for path in MODULES}
