"""A profile is made of the logs: a recording has the same one, and nothing is another by it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emu import Session, open_session
from emu.debug import recording
from emu.debug.opening import replay_session
from emu.debug.profiling import profile_of
from emu.errors import CommandError
from emu.profile.profile import NAMES, SCHEMA, SECTIONS, as_json, chosen
from tests.guest import boot

ROOT = Path(__file__).parents[2]


def told(session: Session) -> str:
    """All sections that need nothing but the logs, and all others."""
    every = chosen(one.name for one in SECTIONS)
    return as_json(profile_of(session.desk, every))


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_a_recording_has_the_profile_of_the_run_to_the_byte(
    platform: str, tmp_path: Path
) -> None:
    session = open_session(platform=platform, cpus=3)
    session.do("run 30000")
    session.do("inject nmi 1 at kernel_start")
    session.do("run")
    live = told(session)
    session.do(f"save {tmp_path}/one.apdbg")
    again, said = replay_session(recording.read(tmp_path / "one.apdbg"))
    assert not said
    assert told(again) == live == told(session)


def test_a_profile_changes_nothing() -> None:
    session = open_session(platform="sipi", cpus=3)
    session.do("run 60000")
    before = session.digest(), session.timeline.now
    for name in NAMES:
        session.do(f"profile {name}")
    assert (session.digest(), session.timeline.now) == before
    session.do("run")
    plain = open_session(platform="sipi", cpus=3)
    plain.do("run")
    assert session.digest() == plain.digest()


def test_a_profile_in_the_past_is_that_of_the_past() -> None:
    session = open_session(platform="tdx", cpus=3)
    session.do("run 60000")
    early = told(session)
    session.do("run")
    assert told(session) != early
    session.do("goto 60000")
    assert told(session) == early


def test_who_asks_for_no_section_is_told_those_that_need_the_logs_alone() -> None:
    assert {one.needs for one in chosen(())} == {"logs"}
    assert [one.name for one in chosen(["cpus"])] == ["cpus"]
    with pytest.raises(CommandError, match="there is no section 'cpu': did you mean 'cpus'"):
        chosen(["cpu"])


def test_logs_cost_nothing_and_a_second_run_says_how_much_longer_it_took() -> None:
    session = boot("start: mov ecx, 5000\n more: loop more\n hlt", cpus=2)
    session.do("run")
    assert not any("second run" in row for row in session.do("profile").reply)
    last = session.do("profile lines").reply[-1]
    assert re.fullmatch(
        r"a second run was looked at, every instruction: [\d.]+ times as long", last
    )


def test_nothing_has_run_yet() -> None:
    rows = boot("start: hlt", cpus=2).do("profile").reply
    assert rows[0] == "2 CPUs on none: 0 instructions, 0.000 us of virtual time"


def apdbg(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", "profile", *words], cwd=ROOT, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip


def test_the_command_line_tells_it_of_an_image_and_of_a_recording(tmp_path: Path) -> None:
    place = tmp_path / "p.json"
    done = apdbg("--cpus", "2", "--json", "--section", "cpus", "-o", str(place))
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(place.read_text())
    assert (found["schema"], list(found["sections"])) == (SCHEMA, ["cpus"])
    assert found["sections"]["cpus"]["cpus"][1]["cpu"] == 1
    replayed = apdbg("demo", "--json")
    assert replayed.returncode == 0
    assert json.loads(replayed.stdout)["platform"] == "tdx"


def test_what_a_recording_says_itself_is_not_taken_beside_it() -> None:
    done = apdbg("demo", "--cpus", "2")
    assert done.returncode == 2
    assert done.stderr == "apdbg: demo: is a recording: --cpus has no place here\n"


def test_the_exit_code_is_that_of_a_run() -> None:
    assert apdbg("--cpus", "2", "--inject", "never-starts 1").returncode == 1
    assert apdbg("--section", "nothing").returncode == 2


def test_the_times_of_many_cpus_are_their_sums_and_then_the_first_ones() -> None:
    session = open_session(platform="none", cpus=40)
    session.do("run")
    found = profile_of(session.desk, chosen(["cpus"])).sections["cpus"]
    rows = found.lines()
    whole = sum(one.clock_ps for one in found.cpus) / 1e6
    ticks = sum(one.ticks for one in found.cpus)
    assert rows[0].startswith(f"all 40 CPUs: {whole:,.3f} us: ")
    assert f"in {ticks:,} instructions" in rows[0]
    assert [row.partition(":")[0] for row in rows if row.startswith("cpu ")] == [
        f"cpu {cpu}" for cpu in range(32)
    ]
    assert rows[-1] == "and 8 more CPUs: --json has them all"
    woken = next(row for row in rows[3:] if row.startswith("    woken: "))  # of cpu 0
    assert woken.count("by cpu") == 8
    ways = found.cpus[0].woken[8:]
    said = f"{sum(one.count for one in ways):,} in {len(ways)} other ways"
    assert woken.endswith(said)
