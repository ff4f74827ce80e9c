"""Two boots side by side: what was made to differ differs by so much, and nothing else does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from emu import open_session
from emu.debug.profiling import profile_of
from emu.errors import CommandError
from emu.profile.comparing import Comparison, compared, needed
from tests.guest import boot
from tests.profile.test_critical import HANDED_ON, STEP

ROOT = Path(__file__).parents[2]


def comparison(*sources: str) -> Comparison:
    profiles = []
    for source in sources:
        session = boot(source, cpus=3)
        session.do("run")
        profiles.append(profile_of(session.desk, needed()))
    return compared(("one", "other"), profiles[0], profiles[1])


def test_a_boot_is_as_itself() -> None:
    assert {one.difference for one in comparison(HANDED_ON, HANDED_ON).rows} == {0}


def test_a_longer_part_of_the_path_is_told_to_the_picosecond() -> None:
    later = HANDED_ON.replace("mov ecx, 100\n", "mov ecx, 300\n")
    found = {(one.group, one.what): one for one in comparison(HANDED_ON, later).rows}
    assert found["path", "runs"].difference == 200 * STEP
    assert found["path", "cpu 0"].difference == 200 * STEP
    assert found["path", "cpu 1"].difference == 0
    assert found["boot", "instructions"].difference == 200
    assert found["exits", "pause"].difference == 0


def test_two_branches_are_compared_at_their_ends_and_the_machine_stays_where_it_is() -> None:
    session = open_session(platform="tdx", cpus=3)
    session.do("run")
    session.do("goto 100000")
    session.do("inject stall 2 5us at mailbox command=wakeup")
    session.do("run")
    session.do("goto 110000")
    here = session.timeline.branch.name, session.timeline.now, session.digest()
    names = list(session.timeline.branches)
    rows = session.do(f"compare {names[0]} {names[1]}").reply
    assert rows[:2] == (f"A {names[0]}", f"B {names[1]}")
    assert any(row.startswith("seen max") or "cpu 2" in row for row in rows)
    assert (session.timeline.branch.name, session.timeline.now, session.digest()) == here
    with pytest.raises(CommandError, match="there is no branch 'nothing'"):
        session.do(f"compare {names[0]} nothing")


def test_the_command_line_compares_recordings(tmp_path: Path) -> None:
    places = []
    for number, platform in enumerate(("tdx", "vbs")):
        session = open_session(platform=platform, cpus=2)
        session.do("run")
        places.append(str(tmp_path / f"{number}.apdbg"))
        session.do(f"save {places[-1]}")
    done = subprocess.run(
        [sys.executable, "-m", "tui", "compare", *places, "--json"], cwd=ROOT, timeout=300,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["schema"] == "apdbg-compare/1"
    assert {one["group"] for one in found["rows"]} == {
        "boot", "steps", "online", "path", "exits"
    }  # fmt: skip
