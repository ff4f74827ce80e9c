"""Which terminals draw blocks."""

import pytest

from tests.tui.terminal import Terminal
from tui.blocks import draws_blocks


@pytest.mark.parametrize(
    ("environment", "encoding", "draws"),
    [
        ({"TERM": "xterm-256color"}, "utf-8", True),
        ({"TERM": "xterm-256color"}, "UTF8", True),
        ({"TERM": "xterm-256color"}, "ascii", False),
        ({"TERM": "xterm-256color"}, "iso8859-1", False),
        ({"TERM": "xterm-256color"}, None, False),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "utf-8", False),
        ({"TERM": "linux"}, "utf-8", False),
        ({"TERM": "dumb"}, "utf-8", False),
        ({}, "utf-8", False),
    ],
)
def test_a_terminal_that_may_lack_them_gets_letters(
    environment: dict[str, str], encoding: str | None, draws: bool
) -> None:
    assert draws_blocks(environment, encoding) == draws


@pytest.mark.parametrize(("settings", "sign"), [({}, "█ runs"), ({"NO_COLOR": "1"}, "# runs")])
def test_the_program_chooses(settings: dict[str, str], sign: str) -> None:
    with Terminal("samples/shim.elf", size=(120, 40), PYTHONUTF8="1", **settings) as terminal:
        terminal.wait_for("STOPPED")
        terminal.press(":until shim_main\r")
        terminal.wait_for(sign)
        terminal.press("q")
        assert terminal.leave() == 0
