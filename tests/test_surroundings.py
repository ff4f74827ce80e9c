"""Commands among faults of what surrounds them: streams, signals, disks, settings."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.shard import breadth

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60.0
RECORDING = "boot.apdbg"
COMMANDS = {
    "run": "run --cpus 1", "json": "run --cpus 1 --json",
    "record": "record --cpus 1 -o {folder}/own.apdbg",
    "replay": "replay {folder}/boot.apdbg --check", "doctor": "doctor", "help": "--help",
    "campaign": "campaign --only late-start --platform tdx --jobs 1",
    "version": "--version",
}  # fmt: skip
STREAMS = {
    ">&-": 2, ">/dev/full": 2, "2>&-": 0, "2>/dev/full": 0, ">&- 2>&-": 2,
    "<&- >&- 2>&-": 2, "</dev/null": 0, "| true": 141,
}  # fmt: skip
"""What the shell does to a command that would have succeeded -> its exit code; 141 is the
shell's word for SIGPIPE."""
SETTINGS = (
    {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LANG": "xx_YY.none"},
    {"HOME": None}, {"HOME": "/nonexistent"}, {"HOME": ""}, {"TERM": None}, {"TERM": "none"},
    {"XDG_STATE_HOME": "/proc/x", "XDG_CACHE_HOME": "/proc/x", "XDG_CONFIG_HOME": "/proc/x"},
    {"XDG_CACHE_HOME": "/dev/null"}, {"COLUMNS": "0", "LINES": "0"}, {"COLUMNS": "-5"},
    {"COLUMNS": "none"}, {"TZ": "Nowhere/Nothing"}, {"TZ": ":::"}, {"PATH": ""},
    {"TMPDIR": "/nonexistent"},
)  # fmt: skip
Env = dict[str, str | None]


def environment(settings: Env) -> dict[str, str]:
    """This one with other settings; None takes one away."""
    both = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    return {name: value for name, value in both.items() if value is not None}


def apdbg(*words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *words], cwd=ROOT, text=True, capture_output=True,
        errors="surrogateescape", timeout=PATIENCE_SECONDS, check=False, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording."""
    place = tmp_path_factory.mktemp("surroundings")
    assert apdbg("record", "-o", str(place / RECORDING), "--cpus", "1").returncode == 0
    return place


CASES = [(command, streams) for streams in STREAMS for command in COMMANDS]


@pytest.mark.parametrize(("command", "streams"), breadth(CASES, every=9, rows=True))
def test_what_becomes_of_the_streams(folder: Path, command: str, streams: str) -> None:
    words = COMMANDS[command].format(folder=folder)
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m tui {words} {streams}"],
        cwd=ROOT, text=True, capture_output=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == STREAMS[streams]
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert done.stderr.count("\n") <= 1


@pytest.mark.parametrize("settings", breadth(SETTINGS, every=6))
def test_the_settings_do_not_matter(settings: Env) -> None:
    for words in (("run", "--cpus", "1", "--json"), ("--help",), ("doctor",)):
        done = apdbg(*words, env=environment(settings))
        assert (done.returncode, done.stderr) == (0, "")
    done = apdbg("run", "--platform", "\u00fc", env=environment(settings))
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_a_recording_has_nothing_of_a_closed_stream(folder: Path) -> None:
    place = folder / "closed.apdbg"
    words = f"{sys.executable} -m tui record --cpus 1 -o {place} 2>&-"
    subprocess.run(["sh", "-c", words], cwd=ROOT, check=True, capture_output=True)
    assert place.read_bytes() == (folder / RECORDING).read_bytes()


def started(*words: str, **options: Any) -> "subprocess.Popen[str]":
    """A command that goes on for long."""
    return subprocess.Popen(
        [sys.executable, "-m", "tui", *words], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, env=environment({}), **options,
    )  # fmt: skip


def wait_until(holds: Callable[[], bool]) -> None:
    """Look until something holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        os.sched_yield()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit code and what it said on stderr."""
    try:
        return process.wait(PATIENCE_SECONDS), process.communicate()[1]
    finally:
        process.kill()


def lines_in(place: Path) -> int:
    """How many whole lines a file has."""
    return place.read_bytes().count(b"\n") if place.exists() else 0


def runs_a_guest(process: "subprocess.Popen[str]") -> bool:
    """Whether the emulator is loaded by now."""
    return "unicorn" in Path(f"/proc/{process.pid}/maps").read_text()


def children(process: "subprocess.Popen[str]") -> list[int]:
    """The processes of its machines: one that Python keeps beside them is none."""
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [
        int(pid) for pid in text.split()
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]  # fmt: skip


LONG = ("--cpus", "512")
ENDINGS = [
    (command, name)
    for command in (("run", *LONG), ("run", *LONG, "--json"), ("doctor",))
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
]


@pytest.mark.parametrize(("command", "name"), breadth(ENDINGS, every=4, rows=True))
def test_a_signal_ends_a_command_in_order(command: tuple[str, ...], name: int) -> None:
    process = started(*command)
    wait_until(lambda: runs_a_guest(process))
    process.send_signal(name)
    assert ended(process) == (130, "apdbg: interrupted\n")


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_was_recorded_before_an_end_can_be_replayed(tmp_path: Path, name: int) -> None:
    place = tmp_path / "own.apdbg"
    process = started("record", *LONG, "-o", str(place))
    wait_until(lambda: lines_in(place) > 4)
    process.send_signal(name)
    code, _ = ended(process)
    assert code == (130 if name != signal.SIGKILL else -signal.SIGKILL)
    done = apdbg("replay", str(place), "--check")
    assert done.returncode == 0, done.stderr
    assert "holds" in done.stderr and done.stderr.count("\n") == 1


def summed(line: dict[str, Any]) -> bytes:
    """A line of a recording (docs/recording.md)."""
    text = json.dumps(line).encode()
    return f"{zlib.crc32(text):08x} ".encode() + text + b"\n"


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_replay_that_goes_on_for_long(tmp_path: Path, name: int) -> None:
    place = tmp_path / "own.apdbg"
    done = apdbg("record", *LONG, "--max-ticks", "9", "-o", str(place))
    assert done.returncode == 0
    first = json.loads(place.read_bytes().split(b"\n")[0][9:])
    first["options"]["max_ticks"] = None
    far = {"kind": "digest", "tick": 90_000_000, "beat": 0, "entries": 0, "digest": "x"}
    place.write_bytes(summed(first) + summed(far))
    process = started("replay", str(place), "--check")
    wait_until(lambda: runs_a_guest(process))
    process.send_signal(name)
    assert ended(process) == (130, "apdbg: interrupted\n")


@pytest.mark.breadth
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_campaign_and_its_machines(name: int) -> None:
    process = started("campaign", "--jobs", "2")
    wait_until(lambda: len(children(process)) == 2)
    ends = [os.pidfd_open(pid) for pid in children(process)]
    if name == signal.SIGINT:  # a terminal sends it to all of them
        os.killpg(process.pid, name)
    else:
        process.send_signal(name)
    assert ended(process) == (130, "apdbg: interrupted\n")
    wait_until_gone(ends)


@pytest.mark.breadth
def test_machines_do_not_outlive_a_campaign_that_is_killed() -> None:
    process = started("campaign", "--jobs", "2")
    wait_until(lambda: len(children(process)) == 2)
    ends = [os.pidfd_open(pid) for pid in children(process)]
    process.kill()
    wait_until_gone(ends)
    process.communicate()


@pytest.mark.breadth
def test_a_machine_of_a_campaign_that_is_killed_is_a_sentence() -> None:
    process = started("campaign", "--jobs", "2")
    wait_until(lambda: len(children(process)) == 2)
    os.kill(children(process)[0], signal.SIGKILL)
    code, said = ended(process)
    assert code == 2 and said.startswith("apdbg: a process that shared the work was ended")


def wait_until_gone(ends: list[int]) -> None:
    """Wait for the ends of processes that are no children of ours."""
    import select

    for end in ends:
        assert select.select([end], [], [], PATIENCE_SECONDS)[0]
        os.close(end)


BYTES = 4_096


def small_disk() -> None:
    """Files of this process end at so many bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, BYTES))


def test_a_disk_that_fills_up_ends_a_recording_and_what_it_has_holds(tmp_path: Path) -> None:
    place = tmp_path / "own.apdbg"
    done = apdbg("record", "--cpus", "32", "-o", str(place), preexec_fn=small_disk)
    assert done.returncode == 2
    assert done.stderr.startswith("apdbg: the recording cannot be written: File too large: ")
    assert done.stderr.count("\n") == 1
    assert place.stat().st_size == BYTES
    done = apdbg("replay", str(place), "--check")
    assert done.returncode == 0 and "damaged or cut: what is before holds" in done.stderr


@pytest.mark.parametrize("command", ["save", "export"])
def test_a_file_that_cannot_be_written_whole_is_what_it_was(
    tmp_path: Path, command: str
) -> None:
    place = tmp_path / ("own.apdbg" if command == "save" else "own.json")
    script = tmp_path / "own.script"
    place.write_text("as it was")
    script.write_text(f"run\n{command} {place}\n")
    done = apdbg("run", "--cpus", "32", "--script", str(script), preexec_fn=small_disk)
    assert done.returncode == 2
    assert done.stderr == (
        f"apdbg: {script}:2: {place}: cannot be written: File too large\n"
    )  # fmt: skip
    assert place.read_text() == "as it was" and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["boot.apdbg/x", "nowhere/x", ".", "/proc/x", "/dev/full"])
def test_a_place_where_nothing_can_be_written_is_a_sentence(folder: Path, name: str) -> None:
    done = apdbg("record", "--cpus", "1", "-o", str(folder / name))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "cannot be written: " in done.stderr
