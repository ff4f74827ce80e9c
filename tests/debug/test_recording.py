"""A recording replays to the same digest in a fresh process, and says what does not hold."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emu import open_session
from emu.debug import recording
from emu.debug.opening import replay_session
from emu.errors import CommandError, RecordingError
from tests.shard import breadth

ROOT = Path(__file__).parents[2]
PLATFORMS = ("tdx", "vbs", "sipi", "none")
COMMANDS = (
    "run 30000", "step 0 30", "set rbx=5", "schedule random 7", "until start_aps",
    "inject stall 0 5000", "goto 20000", "step 0 10", "run 9000", "mark here", "schedule timed",
    "run",
)  # fmt: skip


def apdbg(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *words],
        cwd=ROOT, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.breadth
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_boot_of_4_cpus_is_small_and_replays_in_a_fresh_process(
    platform: str, tmp_path: Path
) -> None:
    file = tmp_path / "boot.apdbg"
    done = apdbg("record", "--cpus", "4", "--platform", platform, "-o", str(file))
    assert done.returncode == 0, done.stderr
    assert file.stat().st_size < 64 << 10
    ran = json.loads(apdbg("run", "--cpus", "4", "--platform", platform, "--json").stdout)
    checked = apdbg("replay", str(file), "--check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert ran["digest"] in checked.stdout


def test_a_session_with_a_past_is_saved_and_comes_back(tmp_path: Path) -> None:
    session = open_session(platform="vbs", cpus=3)
    for words in COMMANDS:
        session.do(words)
    before = session.digest(), session.timeline.now
    session.do(f"save {tmp_path / 'x'}")
    assert (session.digest(), session.timeline.now) == before
    again, said = replay_session(recording.read(tmp_path / "x"))
    assert said == []
    assert (again.digest(), again.timeline.now) == before
    assert again.verdict == session.verdict
    here = session.do("goto here").tick
    assert again.do("goto here").tick == here
    assert again.digest() == session.digest()


def test_what_is_whole_of_a_cut_file_is_replayed(tmp_path: Path) -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("run")
    session.do(f"save {tmp_path / 'whole'}")
    data = (tmp_path / "whole").read_bytes()
    lines = data.split(b"\n")
    for cut in (len(data) - 2, len(data) // 2, len(lines[0]) + 20):
        (tmp_path / "cut").write_bytes(data[:cut])
        found = recording.read(tmp_path / "cut")
        assert "damaged or cut" in found.trouble or "not finished" in found.trouble
        again, said = replay_session(found)
        assert said == [found.trouble]
        assert again.timeline.now <= session.timeline.now


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    session = open_session(platform="none", cpus=1)
    session.do("run 100")
    session.do(f"save {tmp_path / 'whole'}")
    data = (tmp_path / "whole").read_bytes()
    for place, byte in enumerate(data):
        bad = data[:place] + bytes([byte ^ 1 << place % 8]) + data[place + 1 :]
        (tmp_path / "bad").write_bytes(bad)
        try:
            assert recording.read(tmp_path / "bad").trouble
        except RecordingError as error:
            assert "bad: " in str(error)


def test_drift_is_said_at_the_first_tick_that_differs(tmp_path: Path) -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("run")
    session.do(f"save {tmp_path / 'x'}")
    found = recording.read(tmp_path / "x")
    moment, digest = found.digests[3]
    found.digests[3] = moment, digest[::-1]
    found.image_sha256 = found.apdbg = "0"
    _, said = replay_session(found)
    before = found.digests[2][0].tick
    assert said[-1] == (
        f"drift: the digest at tick {moment.tick:,} is another one; the one at {before:,} was "
        "the same"
    )
    assert "is another image than the recorded one" in said[1]
    assert said[0].startswith("recorded by apdbg 0")
    first, runs = found.runs[0]
    cpu, count = runs[0]
    found.runs[0] = first, [[cpu, count - 5], [1, 5], *runs[1:]]
    _, said = replay_session(found)
    tick = first + count - 4
    assert said[-1] == f"drift: at tick {tick:,} cpu {cpu} executes, recorded was cpu 1"


@pytest.mark.breadth
def test_what_was_recorded_before_a_kill_is_there(tmp_path: Path) -> None:
    file = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "record", "--cpus", "512", "-o", str(file)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.exists() and file.read_bytes().count(b'"kind":"digest"') >= 3:
            break
        assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = recording.read(file)
    assert "was not finished" in found.trouble or "cut" in found.trouble
    assert len(found.digests) >= 3
    _, said = replay_session(found)
    assert said == [found.trouble]


@pytest.mark.parametrize(
    ("words", "says"),
    breadth(
        [
            (("replay", "nowhere"), "nowhere: cannot be read: No such file or directory"),
            (("replay", "README.md"), "README.md: is no recording of apdbg"),
            (("replay",), "the following arguments are required: file"),
            (
                ("record", "-o", "nowhere/at/all", "--cpus", "1"),
                "all: cannot be written: No such",
            ),
        ],
        keep=1,
        rows=True,
    ),
)
def test_bad_files_are_one_sentence(words: tuple[str, ...], says: str) -> None:
    done = apdbg(*words)
    assert done.returncode == 2
    assert says in done.stderr and done.stderr.count("\n") == 1


def test_a_file_that_cannot_be_written_loses_nothing() -> None:
    session = open_session(platform="none", cpus=1)
    session.do("run 1000")
    for words in ("save nowhere/at/all", "export nowhere/at/all.html", "export x.pdf"):
        with pytest.raises(CommandError, match=r"nowhere|must end"):
            session.do(words)
    assert session.view().tick == 1000
