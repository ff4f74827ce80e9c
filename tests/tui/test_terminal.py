"""The whole program in a real terminal: bytes in, a screen out, an exit code at the end."""

import os
import re
import subprocess
import sys

import pytest

from tests.tui.driving import SHIM
from tests.tui.terminal import ROOT, Terminal

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")
SAMPLE = ("samples/shim.elf", "--cpus", "2", "--fresh")


def test_a_first_session_of_a_newcomer() -> None:
    with Terminal(*SAMPLE) as terminal:
        terminal.wait_for("STOPPED  before the first instruction")
        terminal.press("s")
        terminal.wait_for("tick 1 ")
        terminal.press(":break mailbox_ack\r")
        terminal.wait_for("breakpoint 1 at mailbox_ack")
        terminal.press("c")
        terminal.wait_for("cpu 1: break 1 at mailbox_ack")
        terminal.press("]")
        terminal.wait_for("[Regs]")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw


@pytest.mark.breadth
def test_ctrl_c_pauses_a_run_and_leaves_no_traceback() -> None:
    with Terminal("samples/shim.elf", "--cpus", "64") as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press("c")
        terminal.wait_for("RUNNING")
        terminal.press("\x03")
        terminal.wait_for("paused")
        terminal.interrupt()
        terminal.wait_for("q quits")
        terminal.press("\x11")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw


@pytest.mark.breadth
def test_a_terminal_that_vanishes_leaves_nothing_running() -> None:
    with Terminal(*SAMPLE) as terminal:
        terminal.wait_for("before the first instruction")
        assert terminal.hang_up() == 130


@pytest.mark.breadth
def test_the_screen_follows_the_size_of_the_terminal() -> None:
    with Terminal(*SAMPLE, size=(40, 12)) as terminal:
        terminal.wait_for("[CPUs]  Code")
        terminal.resize(120, 40)
        terminal.wait_for("[Regs]  Stack")
        terminal.resize(20, 5)
        terminal.wait_for("apdbg needs")
        terminal.resize(80, 24)
        terminal.wait_for("[Code]")
        terminal.press("q")
        assert terminal.leave() == 0


@pytest.mark.breadth
def test_no_colour_means_no_colour() -> None:
    with Terminal(*SAMPLE, NO_COLOR="1") as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press("s")
        terminal.wait_for("stepped")
        terminal.press("q")
        assert terminal.leave() == 0
        codes = {
            n
            for found in re.findall(rb"\x1b\[([\d;]*)m", terminal.raw)
            for n in found.split(b";")
        }
        assert not codes & {
            str(n).encode() for n in (*range(30, 39), *range(40, 49), *range(90, 108))
        }


@pytest.mark.breadth
@pytest.mark.parametrize("term", ["xterm", "linux", "vt100"])
def test_a_terminal_of_few_colours_gets_no_mixed_ones(term: str) -> None:
    with Terminal(*SAMPLE, TERM=term) as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"38;2;" not in terminal.raw and b"38;5;" not in terminal.raw


def test_without_a_terminal_one_sentence_and_code_2() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tui", *SAMPLE], cwd=ROOT, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert found.returncode == 2
    assert found.stderr == (
        "apdbg: the screen needs a terminal, and here is none: `apdbg run` boots without one, "
        "`apdbg --lines` takes commands line by line\n"
    )


@pytest.mark.breadth
def test_one_whole_story_of_debugging_by_keys() -> None:
    """Break at the wait loop, step an AP out of it, walk its vector's address, take that page
    away in the nested table, and see the fault."""
    with Terminal("samples/shim.elf", "--cpus", "2", "--fresh", size=(120, 40)) as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press(":break mailbox_wait cpu 1\r")
        terminal.wait_for("breakpoint 1 at mailbox_wait")
        terminal.press("c")
        terminal.wait_for("cpu 1: break 1 at mailbox_wait")
        terminal.press(":delete 1\r:until mailbox_ack\r")
        terminal.wait_for("cpu 1: reached mailbox_ack")
        terminal.press("sss")
        terminal.wait_for("cpu 1 stepped")
        terminal.press(":walk mailbox.vector execute\r")
        terminal.wait_for("gva 8402a00  secondary_start")
        terminal.wait_for("+ execute: ok")
        terminal.press(":npt secondary_start\r")
        terminal.wait_for("gpa 8402a00  secondary_start  private")
        terminal.press(":set npt:secondary_start=0\r")
        terminal.wait_for("is 0x0 now")
        terminal.press(":walk mailbox.vector execute\r")
        terminal.wait_for("! execute: nested fault at the page: not present at L1")
        terminal.press("c")
        terminal.wait_for("CRASHED")
        terminal.wait_for("fetching GPA 0x8402a00")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw


@pytest.mark.breadth
def test_a_cpu_is_kept_from_starting_by_the_menu_and_the_boot_is_degraded() -> None:
    with Terminal("samples/shim.elf", "--fresh", size=(200, 50)) as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press("i")
        terminal.wait_for("a non-maskable interrupt arrives")
        terminal.press("never\r3")
        terminal.wait_for("inject never-starts 3")
        terminal.press("\r")
        terminal.wait_for("fired at once")
        terminal.press("c")
        terminal.wait_for("3 of 4")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw
