"""Every sign has one of ASCII, as wide; and the terminal's name and locale choose."""

import unicodedata
from pathlib import Path

import pytest

from tests.tui.terminal import Terminal
from tui import glyphs
from tui.panels.states import EVERY

GOLDENS = Path(__file__).parent / "goldens"
OURS = "─━│║═╔╗╚╝╭╮╰╯…"


def test_each_sign_has_one_cell_and_so_has_what_stands_for_it() -> None:
    for sign, plain in glyphs.ASCII.items():
        assert len(sign) == len(plain) == 1 and plain.isascii()
        assert unicodedata.east_asian_width(sign) not in ("W", "F")
        assert unicodedata.category(sign) in ("So", "Sm", "Po"), sign


def test_what_panels_draw_is_in_the_table() -> None:
    """Collected from the goldens: nothing that we draw becomes a question mark."""
    texts = "".join(path.read_text("utf-8") for path in GOLDENS.glob("*.txt"))
    drawn = {one for one in texts if not one.isascii()}
    assert drawn - glyphs.ASCII.keys() == set()


def test_states_differ_in_ascii_too() -> None:
    plain = [glyphs.plain(state.glyph) for state in EVERY]
    assert len(set(plain)) == len(plain), plain


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "LANG": "de_DE.utf8"}, False),
        ({"TERM": "linux", "LANG": "en_US.UTF-8"}, True),
        ({"TERM": "vt220"}, True),
        ({"TERM": "dumb", "LANG": "C.UTF-8"}, True),
        ({"TERM": "xterm", "LANG": "C"}, True),
        ({"TERM": "xterm", "LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"TERM": "xterm", "LC_CTYPE": "C.UTF-8"}, False),
        ({"TERM": "xterm", "LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, True),
        ({"TERM": "xterm", "LANG": "en_US.ISO-8859-1"}, True),
    ],
)
def test_the_name_of_the_terminal_and_the_locale_choose(
    environment: dict[str, str], plain: bool
) -> None:
    assert glyphs.are_plain(environment) is plain


@pytest.mark.parametrize("environment", [{"TERM": "vt220"}, {"LC_ALL": "C"}])
def test_such_a_terminal_is_sent_nothing_but_ascii(environment: dict[str, str]) -> None:
    with Terminal("samples/shim.elf", "--fresh", **environment) as terminal:
        terminal.wait_for("STOPPED  before the first")
        terminal.wait_for(">reset - shim")
        terminal.press("?")
        terminal.wait_for("Esc closes")
        terminal.press("q:quit\r")
        terminal.leave()
        assert terminal.raw.isascii()


def test_with_another_terminal_the_signs_are_there() -> None:
    with Terminal("samples/shim.elf", "--fresh", LC_ALL="C.UTF-8") as terminal:
        terminal.wait_for("▸reset")
        terminal.press("q")
        assert terminal.leave() == 0


@pytest.mark.parametrize(
    ("settings", "sign"),
    [({}, "█ runs"), ({"NO_COLOR": "1"}, "# runs"), ({"TERM": "vt220"}, "# runs")],
)
def test_a_lane_is_drawn_in_blocks_where_the_terminal_has_them_and_colours(
    settings: dict[str, str], sign: str
) -> None:
    given = {"LC_ALL": "C.UTF-8", **settings}
    with Terminal("samples/shim.elf", "--fresh", size=(120, 40), **given) as terminal:
        terminal.wait_for("STOPPED")
        terminal.press(":until shim_main\r")
        terminal.wait_for(sign)
        terminal.press("q")
        assert terminal.leave() == 0
