"""Sessions in lines: what is read to somebody who sees no screen. Text is appended and nothing
else, and it is the same on every terminal, in a pipe, and however fast the machine is."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emu import open_session
from emu.debug.screen_words import SCREEN_WORDS
from tests.tui.terminal import ROOT, Terminal
from tui import stretches, told
from tui.lines import Teller
from tui.panel_text import rows_of
from tui.panels import PANELS

STORY = ROOT / "tests/stories/branches.story"
SAMPLE = ("samples/shim.elf", "--lines", "--platform", "vbs", "--cpus", "2")
TYPED = [line[2:] for line in STORY.read_text().splitlines() if line.startswith("> ")]


def heard(raw: bytes) -> str:
    """What a blind reader is told: what is appended, without colours, blanks joined. Fails for
    whatever moves the cursor, takes text back, or rings."""
    text = re.sub(r"\x1b\[[\d;]*m", "", raw.decode()).replace("\r\n", "\n")
    control = sorted({c for c in text if ord(c) < 32 and c != "\n"})
    assert not control, f"{control!r} is no appended text"
    return re.sub(r"[ \t]+", " ", text)


def piped(*words: str, typed: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The same with a file as its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *words], cwd=ROOT, input=typed.encode(),
        capture_output=True, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_whole_story_is_heard(term: str, golden: Callable[[str, str], None]) -> None:
    with Terminal(*SAMPLE, TERM=term) as terminal:
        terminal.wait_for_prompt()
        for words in TYPED:
            terminal.press(f"{words}\r")
            terminal.wait_for_prompt()
        terminal.press("\x04")
        assert terminal.leave() == 0
    golden("lines-branches", heard(terminal.raw).rstrip("\n> "))


def test_a_pipe_is_told_the_same(golden: Callable[[str, str], None], tmp_path: Path) -> None:
    done = piped(*SAMPLE, typed="\n".join(TYPED), XDG_STATE_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (2, b""), "a command of the story is refused"
    golden("lines-branches", heard(done.stdout))


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_the_clock_decides_nothing_of_what_is_told(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "FIRST_TICKS", 1_000)

    def run(stretch: float) -> list[str]:
        monkeypatch.setattr(stretches, "STRETCH_SECONDS", stretch)
        said: list[str] = []
        teller = Teller(open_session(cpus=2), said.append)
        for words in ("until mailbox_ack", "step 3", "reverse-step", "goto 20000", "c"):
            teller.take(words)
        return said

    said = run(0.001)
    assert run(seconds) == said
    assert [line for line in said if "still running" in line][:3] == [
        "still running: tick 1,000", "still running: tick 2,000", "still running: tick 4,000",
    ]  # fmt: skip


def test_many_cpus_are_a_line_for_each_place_each_start_and_what_the_guest_prints() -> None:
    said: list[str] = []
    Teller(open_session(platform="none", cpus=64), said.append).take("c")
    reached = [line for line in said if "reaches" in line]
    assert len(reached) == len({line.partition(": ")[2] for line in reached}) < 30
    started = [line for line in said if "starts cpu" in line]
    assert started == [f"cpu 0: starts cpu {number}" for number in range(1, 64)]
    printed = sum(" online" in line for line in said[:-1])
    assert printed > 64 and len(said) < len(reached) + len(started) + printed + 10


def test_a_cpu_that_goes_is_told_of_when_it_does() -> None:
    said: list[str] = []
    teller = Teller(open_session(cpus=2), said.append)
    teller.take("inject take-away 1 at mailbox_ack cpu 1")
    teller.take("c")
    assert "cpu 1: is taken away by the host" in said
    assert "host: take-away 1 at mailbox_ack cpu 1" in said


def test_a_step_is_told_all_that_it_does() -> None:
    said: list[str] = []
    teller = Teller(open_session(cpus=2), said.append)
    teller.take("until mailbox_ack")
    said.clear()
    teller.take("s")
    assert said[:-1] == ["cpu 1: mailbox command = Noop (was Wakeup)"]
    assert re.fullmatch(
        r"STOPPED at tick [\d,]+, [\d.]+ ms: cpu 1 stepped\. "
        r"cpu 1 is running at mailbox_jump \(mailbox_loop\.inc:\d+\); next: mov ecx, ebp\.",
        said[-1],
    )


def test_a_stop_says_who_waits_for_what_and_what_was_found() -> None:
    said: list[str] = []
    image = "samples/gallery/truncated-vector.elf"
    teller = Teller(open_session(image, cpus=2), said.append)
    teller.take("c")
    assert said[-1].startswith("error whole-vector: cpu 1, tick ")
    assert ", 1 finding: " in said[-2]
    said.clear()
    teller.take("reverse-step")
    teller.take("goto mailbox_wait")
    teller.take("cpu 0")
    assert re.match(r"cpu 0 is \w+ at \S+ \(\S+\)", said[-1])
    teller.take("step 400")
    teller.take("waits")
    assert not [line for line in said if line.startswith("error ")], "it was told once"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_every_panel_is_said_as_it_is_written_to_a_file(panel: object, tmp_path: Path) -> None:
    said: list[str] = []
    teller = Teller(open_session(cpus=2), said.append)
    teller.take("until mailbox_ack")
    said.clear()
    assert teller.take(f"panel {panel.id}")  # type: ignore[attr-defined]
    assert said[1:] == rows_of(teller.session, panel)  # type: ignore[arg-type]
    assert teller.take(f"write {tmp_path / 'panel.txt'}")
    assert (tmp_path / "panel.txt").read_text().splitlines() == said[1:-1]


def test_words_are_the_screen_s() -> None:
    said: list[str] = []
    teller = Teller(open_session(cpus=2), said.append)
    for words in ("s 5", "S", "n", "b mailbox_ack", "c", "C", "?own-vector", "show regs", ":x"):
        said.clear()
        assert teller.take(words) == (words != ":x"), said
    assert said == ["error: mem: needs where"] or said[0].startswith("error: ")
    assert teller.take("") and teller.take("q") and teller.over


@pytest.mark.parametrize("word", SCREEN_WORDS)
def test_every_word_of_a_screen_does_something_without_one_or_says_that_it_needs_it(
    word: str,
) -> None:
    said: list[str] = []
    teller = Teller(open_session(cpus=1), said.append)
    if not teller.take(word):
        (sentence,) = said
        assert sentence.startswith(f"error: {word.rstrip('!')}: ")


def test_enter_repeats_what_moved_the_machine() -> None:
    said: list[str] = []
    teller = Teller(open_session(cpus=2), said.append)
    for words in ("", "s", "cpus", "", ""):
        teller.take(words)
    assert said[0] == "there is no command to repeat yet: s steps, c runs"
    assert "tick 3" in said[-1] and teller.session.machine.board.tick == 3


def test_ctrl_c_pauses_and_loses_nothing() -> None:
    with Terminal("samples/shim.elf", "--lines", "--cpus", "64") as terminal:
        terminal.wait_for_prompt()
        terminal.press("mark here\r")
        terminal.wait_for_prompt()
        terminal.press("c\r")
        terminal.wait_for_line("cpu 0: ")
        terminal.interrupt()
        assert ": paused. cpu " in terminal.wait_for_prompt()
        terminal.press("half a comm")
        terminal.wait_for("> half a comm")
        terminal.signal(signal.SIGINT)
        terminal.wait_for_line("the machine stands still; q quits")
        terminal.press("goto here\r")
        terminal.wait_for_line("PAST at tick 0, ")
        terminal.wait_for_prompt()
        terminal.press("\x04")
        assert terminal.leave() == 0
    heard(terminal.raw)
    assert b"Traceback" not in terminal.raw


def test_a_signal_that_ends_it_is_130_and_what_was_typed_is_there_the_next_time(
    tmp_path: Path,
) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path)}
    with Terminal(*SAMPLE, **state) as terminal:
        terminal.wait_for_prompt()
        terminal.press("break mailbox_ack\r")
        terminal.wait_for_prompt()
        terminal.signal(signal.SIGTERM)
        assert terminal.leave() == 130
    with Terminal(*SAMPLE, **state) as terminal:
        opened = terminal.wait_for_prompt()
        assert "1 breakpoint is as in the last session: breakpoints lists them" in opened
        terminal.press("\x1b[A\x17mailbox_wait\r")  # the line before, its last word anew
        assert "breakpoint 2 at mailbox_wait" in terminal.wait_for_prompt()
        terminal.press("q\r")
        assert terminal.leave() == 0
    with Terminal("samples/shim.elf", "--platform", "vbs", "--cpus", "2", **state) as terminal:
        terminal.wait_for("2 breakpoints are as in the last session")
        terminal.press("q")
        assert terminal.leave() == 0


def test_whoever_comes_back_from_the_shell_types_as_before() -> None:
    with Terminal(*SAMPLE) as terminal:
        terminal.wait_for_prompt()
        terminal.press("x")
        terminal.wait_for("> x")
        terminal.signal(signal.SIGCONT)
        terminal.press("until mailbox_ack\r")
        assert "cpu 1: reached mailbox_ack" in terminal.wait_for_prompt()
        terminal.press("\x04")
        assert terminal.leave() == 0
    assert heard(terminal.raw).count("until mailbox_ack") == 1, "it was echoed twice"


def test_tab_completes_and_lists_each_on_a_line_of_its_own() -> None:
    with Terminal(*SAMPLE) as terminal:
        terminal.wait_for_prompt()
        terminal.press("bre\t")
        assert "\r\nbreakpoints  List all breakpoints" in terminal.wait_for_line("> break")
        terminal.press(" mailbox_a\t\r")
        assert "breakpoint 1 at mailbox_ack" in terminal.wait_for_prompt()
        terminal.press("\x04")
        assert terminal.leave() == 0
    assert "\n> break mailbox_ack\n" in heard(terminal.raw)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_places_no_text_gets_lines_and_is_told_so(term: str) -> None:
    with Terminal("samples/shim.elf", "--fresh", TERM=term) as terminal:
        opened = terminal.wait_for_prompt()
        assert opened.startswith(f"TERM is {term or 'not set'}: ")
        assert opened.count("this session goes on in lines, as with --lines.") == 1
        terminal.press("q\r")
        assert terminal.leave() == 0


@pytest.mark.skipif(shutil.which("tic") is None, reason="needs tic to describe a terminal")
def test_a_terminal_that_is_known_to_be_paper_gets_lines(tmp_path: Path) -> None:
    source = tmp_path / "paper.ti"
    source.write_text(
        "paper|a roll of paper,\n\tam, cols#80, bel=^G, cr=\\r, cud1=\\n, ind=\\n,\n"
    )
    subprocess.run(["tic", "-o", str(tmp_path), str(source)], check=True)
    with Terminal("samples/shim.elf", TERM="paper", TERMINFO=str(tmp_path)) as terminal:
        assert terminal.wait_for_prompt().startswith("TERM is paper: this terminal cannot")
        terminal.press("q\r")
        assert terminal.leave() == 0


def test_a_recording_is_opened_in_lines_and_one_is_written(tmp_path: Path) -> None:
    place = str(tmp_path / "own.apdbg")
    done = piped(*SAMPLE, "--record", place, typed="until mailbox_ack\nS\n")
    assert done.returncode == 0, done.stderr
    done = piped("replay", place, "--lines", typed="cpus\nq\nnever\n")
    assert done.returncode == 0, done.stderr
    assert b"\nSTOPPED at tick " in done.stdout and b"never" not in done.stdout


def test_a_script_may_go_to_an_event_by_its_number_and_have_remarks() -> None:
    done = piped(*SAMPLE, typed="# begin\nc  # to the end\n\ngoto #7 # the 7th\n")
    assert done.returncode == 0, done.stdout
    assert b"\n> goto #7\n" in done.stdout and b"\n> c\n" in done.stdout


def test_no_line_of_any_length_or_bytes_ends_a_session() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui", *SAMPLE], cwd=ROOT, capture_output=True, timeout=120,
        input=b"\xff\xfe\x00\n" + b"x" * 200_000 + b"\ns\n\x1b[2J\nq\n",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert b"cpu 0 stepped" in done.stdout and b"\x1b" not in done.stdout
