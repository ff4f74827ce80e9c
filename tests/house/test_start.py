"""What is loaded at the start, and what is not: a property that needs no clock."""

import subprocess
import sys
from typing import Final

import pytest

from tests.house.tree import ROOT

LOADED: Final = """
import runpy, sys
sys.argv = {words!r}
try:
    {act}
except SystemExit:
    pass
print("\\n" + " ".join(sys.modules))
"""
EMULATOR: Final = ("unicorn", "capstone", "elftools", "emu.hw.engine", "emu.machine.machine")
RARELY: Final = (
    "emu.debug.campaign", "emu.debug.recovery", "emu.export", "emu.judge.races",
    "emu.inject.kinds", "emu.unwind.unwinder", "multiprocessing", "importlib.metadata",
)  # fmt: skip
"""Needed by some commands only."""
ON_DEMAND: Final = ("tui.palette", "tui.help_screen", "tui.inject_screen", "tui.web")


def loaded(act: str, *words: str) -> set[str]:
    """The modules, and the packages of them, that a fresh interpreter has after an act."""
    program = LOADED.format(words=["apdbg", *words], act=act)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def command(*words: str) -> set[str]:
    """The same after a command line."""
    return loaded('runpy.run_module("tui", run_name="__main__")', *words)


def among(modules: tuple[str, ...], found: set[str]) -> list[str]:
    """Those of the modules that are there."""
    return [one for one in modules if one in found]


def test_the_screen_is_loaded_without_the_emulator() -> None:
    found = loaded("import tui.app")
    assert "textual.app" in found
    assert not among((*EMULATOR, *RARELY, *ON_DEMAND, "ctypes", "tomllib"), found)


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("--cpus", "x")])
def test_help_loads_neither_the_emulator_nor_a_screen(words: tuple[str, ...]) -> None:
    found = command(*words)
    assert "tui.command_line" in found
    assert not among((*EMULATOR, *RARELY, "textual", "rich", "msgspec", "emu.debug"), found)


def test_a_run_loads_no_screen_and_nothing_that_it_does_not_use() -> None:
    found = command("run", "--cpus", "2")
    assert "unicorn" in found
    assert not among((*RARELY, "textual", "rich", "asyncio"), found)


def test_a_session_in_lines_loads_no_screen() -> None:
    found = command("--lines", "--cpus", "2")
    assert "tui.lines" in found
    assert not among((*RARELY, "textual", "rich", "asyncio"), found)
