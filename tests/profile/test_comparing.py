"""Two boots side by side: what was made to differ differs by so much, and nothing else does."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emu import open_session
from emu.debug.profiling import profile_of
from emu.errors import CommandError
from emu.profile.comparing import Comparison, compared, needed
from tests.guest import boot
from tests.profile.test_critical import HANDED_ON, STEP

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs/use/profile.md"


def comparison(*sources: str) -> Comparison:
    profiles = []
    for source in sources:
        session = boot(source, cpus=3)
        session.do("run")
        profiles.append(profile_of(session.desk, needed()))
    return compared(("one", "other"), profiles[0], profiles[1], ({}, {}))


def recorded(place: Path, **more: Any) -> str:
    session = open_session(**more)
    session.do("run")
    session.do(f"save {place}")
    return str(place)


def on_the_command_line(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tui", "compare", *words], cwd=ROOT, timeout=300,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_boot_is_as_itself() -> None:
    found = comparison(HANDED_ON, HANDED_ON)
    assert {one.difference for one in found.rows} == {0}
    assert found.lines()[2:] == (
        "", "both were booted alike",
        f"nothing differs: {len(found.rows)} figures are the same",
    )  # fmt: skip


def test_what_only_one_of_them_has_is_no_difference_from_nothing(tmp_path: Path) -> None:
    lost = recorded(tmp_path / "a.apdbg", platform="tdx", cpus=3, inject=["never-starts 2"])
    all_there = recorded(tmp_path / "b.apdbg", platform="tdx", cpus=3)
    told = on_the_command_line(lost, all_there)
    assert "    entered: A inject never-starts 2 (tick 0), B none" in told.splitlines()
    (row,) = (
        row for row in told.partition("from the call")[2].partition("\n\n")[0].splitlines()
        if row.startswith("cpu 2 ")
    )  # fmt: skip
    assert row.split()[2] == "-"
    assert row.endswith("only B")
    assert "%" not in row


def test_what_was_booted_otherwise_is_told_first(tmp_path: Path) -> None:
    slow = tmp_path / "tdx.toml"
    slow.write_text((ROOT / "samples/platforms/tdx.toml").read_text().replace(
        "exit_ns = 1_000\n", "exit_ns = 1_100\n"
    ))  # fmt: skip
    boots = [
        recorded(tmp_path / "a.apdbg", platform="tdx", cpus=2, seed=0),
        recorded(tmp_path / "b.apdbg", platform=str(slow), cpus=3, seed=7, cmdline="quiet"),
    ]
    rows = on_the_command_line(*boots).splitlines()[3:]
    assert rows[: rows.index("")] == [
        "they were not booted alike:",
        "    CPUs: A 2, B 3",
        "    platform's time.exit_ns: A 1000, B 1100",
        "    --seed: A none, B 7",
        "    --cmdline: A none, B quiet",
    ]


def test_the_same_bytes_are_the_same_image_wherever_they_lie(tmp_path: Path) -> None:
    copy = tmp_path / "other.elf"
    copy.write_bytes((ROOT / "samples/shim.elf").read_bytes())
    boots = [
        recorded(tmp_path / "a.apdbg", platform="vbs", cpus=2),
        recorded(tmp_path / "b.apdbg", image=str(copy), platform="vbs", cpus=2),
    ]
    assert "both were booted alike\nnothing differs" in on_the_command_line(*boots)
    (tmp_path / "c.apdbg").unlink(missing_ok=True)
    third = recorded(tmp_path / "c.apdbg", image="rust", platform="vbs", cpus=2)
    told = on_the_command_line(boots[0], third)
    assert "they were not booted alike:\n    image: A shim.elf (sha256 " in told


def test_two_branches_that_differ_in_an_injection_say_which() -> None:
    session = open_session(platform="tdx", cpus=3)
    session.do("run")
    session.do("goto 100000")
    session.do("inject stall 2 5us at mailbox command=wakeup")
    session.do("run")
    rows = session.do("compare main branch2").reply
    assert rows[3:5] == (
        "they were not booted alike:",
        "    entered: A none, B inject stall 2 5us at mailbox command=wakeup (tick 100,000)",
    )
    assert session.do("compare main main").reply[3] == "both were booted alike"


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
    places = [
        recorded(tmp_path / f"{platform}.apdbg", platform=platform, cpus=2)
        for platform in ("tdx", "vbs")
    ]
    found = json.loads(on_the_command_line(*places, "--json"))
    assert found["schema"] == "apdbg-compare/1"
    assert {one["group"] for one in found["rows"]} == {
        "boot", "steps", "online", "path", "exits"
    }  # fmt: skip


def test_a_file_of_commands_compares_branches_without_a_screen(tmp_path: Path) -> None:
    (block,) = re.findall(r"```\n((?:> .*\n)+> compare .*\n)```", DOCS.read_text())
    commands = tmp_path / "commands"
    commands.write_text("run\n" + block.replace("> ", ""))
    with commands.open() as given:
        done = subprocess.run(
            [sys.executable, "-m", "tui", "--lines", "--cpus", "3"], cwd=ROOT, timeout=300,
            stdin=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "A main\nB branch2\n" in done.stdout
    assert ["cpu", "2", "198.039", "us", "201.298", "us", "+3.259", "us", "+1.6", "%"] in [
        row.split() for row in done.stdout.splitlines()
    ]
