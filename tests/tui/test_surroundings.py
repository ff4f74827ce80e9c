"""The screen among faults of what surrounds it: terminals, disks, settings, another screen."""

import json
import resource
import signal
import time
from pathlib import Path

import pytest

from tests.shard import breadth
from tests.tui.driving import SHIM
from tests.tui.terminal import Terminal
from tui.kept import Kept, Memory, merged

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")
SAMPLE = ("samples/shim.elf", "--cpus", "2")
GONE_SECONDS = 2.0
"""How long the program may outlive its terminal."""


def kept(home: Path) -> Kept:
    """What the last session has left."""
    (place,) = (home / "apdbg").glob("*.json")
    data = json.loads(place.read_text())
    return Kept(history=data["history"], breakpoints=data["breakpoints"])


@pytest.mark.parametrize("running", [False, True])
def test_a_terminal_that_vanishes_ends_the_program_and_the_state_is_kept(
    tmp_path: Path, running: bool
) -> None:
    words = ("samples/shim.elf", "--cpus", "512" if running else "2")
    with Terminal(*words, XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press(":break power_off\r")
        terminal.wait_for("breakpoint 1")
        if running:
            terminal.press("c")
            terminal.wait_for("RUNNING")
        began = time.monotonic()
        assert terminal.hang_up() == 130
        assert time.monotonic() - began < GONE_SECONDS + 1  # and what a loaded host adds
    assert kept(tmp_path).breakpoints == ["break power_off"]


def test_a_terminal_that_vanishes_while_the_screen_is_made_ends_the_program() -> None:
    with Terminal(*SAMPLE) as terminal:
        terminal.wait_until(lambda: b"\x1b[?1049h" in terminal.raw, "the other screen")
        assert terminal.hang_up() == 130


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was_and_the_state_is_kept(
    tmp_path: Path, name: int
) -> None:
    with Terminal(*SAMPLE, XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press(":break mailbox_ack\r")
        terminal.wait_for("breakpoint 1")
        terminal.process.send_signal(name)
        assert terminal.leave() == 130
        assert b"\x1b[?25h" in terminal.raw.partition(b"\x1b[?1049l")[2]
        assert b"Traceback" not in terminal.raw
    assert kept(tmp_path).breakpoints == ["break mailbox_ack"]


def test_of_two_screens_neither_loses_what_the_other_did(tmp_path: Path) -> None:
    home = {"XDG_STATE_HOME": str(tmp_path)}
    with Terminal(*SAMPLE, **home) as first, Terminal(*SAMPLE, **home) as second:
        for terminal, place in ((first, "mailbox_ack"), (second, "mailbox_wait")):
            terminal.wait_for("before the first instruction")
            terminal.press(f":break {place}\r")
            terminal.wait_for(f"at {place}")
        for terminal in (first, second):
            terminal.press("q")
            assert terminal.leave() == 0
    left = kept(tmp_path)
    assert left.breakpoints == ["break mailbox_ack", "break mailbox_wait"]
    assert left.history == left.breakpoints


def test_what_a_session_did_is_done_to_what_stands_in_the_file() -> None:
    found = Kept(history=["a", "b"], breakpoints=["break a", "break b"], theme="one")
    ours = Kept(history=["b", "c"], breakpoints=["break b", "break c"], theme="one")
    theirs = Kept(history=["a", "b", "d"], breakpoints=["break a", "break b", "break d"],
                  theme="two", moves={"code": "x"})  # fmt: skip
    both = merged(found, ours, theirs)
    assert both.history == ["a", "b", "d", "c"]
    assert both.breakpoints == ["break b", "break d", "break c"]
    assert (both.theme, both.moves) == ("two", {"code": "x"})
    assert merged(found, ours, found).breakpoints == ours.breakpoints


def test_a_session_that_is_stopped_while_it_writes_holds_up_nobody(tmp_path: Path) -> None:
    import fcntl

    memory = Memory(tmp_path, "c" * 64)
    with memory.path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        memory.write(Kept(theme="calm"))
    assert memory.read().theme == "calm"


@pytest.mark.parametrize("place", ["/proc/x", "/dev/null", "/dev/null/x"])
def test_where_nothing_can_be_kept_nothing_is(place: str) -> None:
    memory = Memory(Path(place), "d" * 64, fresh=True)
    memory.write(Kept(theme="calm"))
    assert memory.read() == Kept()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "\0", '{"version": 1, "history": 7}', "[" * 100_000, '{"version": 99}',
     '{"breakpoints": [["save x"]]}'],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_a_fresh_start(tmp_path: Path, text: str) -> None:
    memory = Memory(tmp_path, "e" * 64)
    memory.path.write_text(text)
    assert memory.read() == Kept()


def test_a_state_file_can_do_nothing_but_stop(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    orders = [f"save {victim}", f"export {victim}.json", "reset", "cpu 1", "run", "quit",
              f"break mailbox_ack; save {victim}", f"break mailbox_ack\nsave {victim}",
              "watch", "catch nothing", "break nowhere", "break mailbox_ack"]  # fmt: skip
    with Terminal(*SAMPLE, XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press("q")
        assert terminal.leave() == 0
    (place,) = (tmp_path / "apdbg").glob("*.json")
    place.write_text(json.dumps({"breakpoints": orders, "history": ["\x1b]0;x\x07"]}))
    with Terminal(*SAMPLE, XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait_for("1 breakpoint is as in the last session")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"\x1b]0;" not in terminal.raw
    assert not list(tmp_path.glob("victim*"))


def test_a_disk_that_fills_up_is_said_and_the_session_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "own.apdbg"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        words = (*SAMPLE, "--fresh", "--record", str(place))
        terminal = Terminal(*words, size=(120, 40))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with terminal:
        terminal.wait_for("before the first instruction")
        terminal.press(":until mailbox_ack\r")
        terminal.wait_for("the recording cannot be written: File too large")
        terminal.press("\x1b")
        terminal.press(":run\r")
        terminal.wait_for("BOOTED")
        terminal.press("q")
        assert terminal.leave() == 0


SETTINGS = (
    {"HOME": ""}, {"HOME": "/nonexistent"}, {"TERM": "nonsense"}, {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"TZ": ":::"},
    {"XDG_STATE_HOME": "/proc/x", "XDG_CACHE_HOME": "/proc/x", "XDG_CONFIG_HOME": "/proc/x"},
    {"XDG_STATE_HOME": "/dev/null"}, {"COLUMNS": "0", "LINES": "0"}, {"COLUMNS": "none"},
    {"COLUMNS": "-5", "LINES": "-5"}, {"COLORTERM": "nonsense"}, {"TEXTUAL_FPS": "x"},
    {"PYTHONIOENCODING": "ascii"}, {"LANG": "xx_YY.none"},
)  # fmt: skip


@pytest.mark.parametrize("settings", breadth(SETTINGS, every=5))
def test_the_screen_shows_itself_whatever_is_set(settings: dict[str, str]) -> None:
    with Terminal(*SAMPLE, "--fresh", **settings) as terminal:
        terminal.wait_for("before the first")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw
