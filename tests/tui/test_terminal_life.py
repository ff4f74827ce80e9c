"""What happens to a terminal under a screen: Ctrl+Z and back, other sizes, many of them."""

import pytest

from tests.tui.driving import SHIM
from tests.tui.terminal import Terminal

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")
SAMPLE = ("samples/shim.elf", "--cpus", "2", "--fresh")
BARS = ("STOPPED  before the first instruction", "n Over  c Run")
"""Words of the status and of the key bar."""


def test_everything_is_there_again_after_ctrl_z_and_fg() -> None:
    with Terminal(*SAMPLE, size=(100, 30)) as terminal:
        for words in (*BARS, "Nothing has happened yet.", "fffff000  private", ": Command",
                      "its moment.", "was is lost."):  # fmt: skip
            terminal.wait_for(words)
        before = terminal.text
        terminal.stop()
        assert BARS[0] not in terminal.text
        terminal.go_on()
        for words in (*BARS, *before.splitlines()[1:]):
            terminal.wait_for(words)
        terminal.press("s")
        terminal.wait_for("cpu 0 stepped")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw


def test_a_dialog_is_there_again_too() -> None:
    with Terminal(*SAMPLE, size=(100, 30)) as terminal:
        terminal.wait_for(BARS[0])
        terminal.press("?")
        terminal.wait_for("The code of the selected CPU")
        terminal.stop(by_key=False)
        terminal.go_on()
        terminal.wait_for("The code of the selected CPU")
        terminal.press("q")
        terminal.wait_for(BARS[1])
        terminal.press("q")
        assert terminal.leave() == 0


def test_a_size_that_was_changed_meanwhile_is_taken_up() -> None:
    with Terminal(*SAMPLE, size=(80, 24)) as terminal:
        terminal.wait_for("before the first")
        terminal.stop()
        terminal.resize(120, 40)
        terminal.go_on()
        for words in (*BARS, "apdbg  shim", "? Help  q Quit"):
            terminal.wait_for(words)
        terminal.press("q")
        assert terminal.leave() == 0


@pytest.mark.parametrize("sizes", [((30, 8), (200, 50)), ((200, 50), (40, 12), (120, 40))])
def test_the_bars_have_the_width_of_the_terminal(sizes: tuple[tuple[int, int], ...]) -> None:
    with Terminal(*SAMPLE, size=sizes[0]) as terminal:
        terminal.wait_for("apdbg needs" if sizes[0][0] < 40 else "before the first")
        for columns, rows in sizes[1:]:
            terminal.resize(columns, rows)
        for words in (*BARS, "? Help  q Quit", "apdbg  shim"):
            terminal.wait_for(words)
        terminal.press("q")
        assert terminal.leave() == 0


def test_the_size_changes_while_the_machine_runs() -> None:
    with Terminal("samples/shim.elf", "--cpus", "64", "--fresh", size=(30, 8)) as terminal:
        terminal.wait_for("apdbg needs")
        terminal.press("c")
        for columns, rows in ((200, 50), (80, 24), (120, 40)):
            terminal.resize(columns, rows)
        terminal.wait_for("BOOTED")
        terminal.wait_for("apdbg  shim")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw


def test_a_run_goes_on_behind_ctrl_z() -> None:
    with Terminal("samples/shim.elf", "--cpus", "64", "--fresh", size=(120, 40)) as terminal:
        terminal.wait_for(BARS[0])
        terminal.press("c")
        terminal.stop()
        terminal.go_on()
        terminal.wait_for("BOOTED")
        terminal.wait_for("S Back")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw


def test_a_storm_of_sizes_ends_with_the_last_one() -> None:
    with Terminal(*SAMPLE, size=(80, 24)) as terminal:
        terminal.wait_for("before the first")
        for index in range(120):
            terminal.resize(20 + index * 37 % 180, 5 + index * 13 % 50)
            if index % 10 == 0:
                terminal.press("s")
        terminal.resize(120, 40)
        for words in ("cpu 0 stepped", "? Help  q Quit", "apdbg  shim", "1 events"):
            terminal.wait_for(words)
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw
