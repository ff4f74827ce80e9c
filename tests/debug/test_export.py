"""Exports hold the diagnosis and keep the rules of their formats."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from emu import open_session
from emu.debug import report
from emu.debug.diagnosis import whole
from emu.debug.profiling import profile_of
from emu.errors import CommandError
from emu.export import chrome
from emu.export.markdown import markdown
from emu.export.page import page as page_of
from emu.export.stops import Tour
from emu.judge.report import RunReport
from emu.mailbox.rule import each
from emu.profile.profile import as_json, chosen
from tests.debug.exported import ENDS, Tags, ended, of_boot
from tests.test_command_line import ROOT, apdbg

PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")


@pytest.mark.parametrize("outcome", ENDS)
@pytest.mark.parametrize("where", ["here", "in the past", "replayed"])
def test_every_export_has_the_findings_that_the_screen_shows(
    outcome: str, where: str, tmp_path: Path
) -> None:
    session = ended(outcome)
    names = [str(tmp_path / name) for name in ("a.html", "a.json", "a.md")]
    if where == "in the past":
        session.do(f"goto {max(one.tick for one in each(session.findings())) + 1}")
    expected = list(each(session.findings()))
    if where == "replayed":
        session.do(f"save {tmp_path / 'boot.apdbg'}")
        for name in names:
            done = apdbg("replay", str(tmp_path / "boot.apdbg"), "--export", name)
            assert (done.returncode, done.stderr) == (0, "")
    else:
        session.do(f"export {names[0]}")
        session.do(f"export {names[1]}")
        session.do(f"report {names[2]}")
    html, trace, words = (Path(name).read_text() for name in names)
    tags = Tags(html)
    assert "No findings." not in tags.text and "No findings." not in words
    told = json.loads(trace)["findings"]
    assert [one["text"] for head in told for one in (head, *head["consequences"])] == [
        one.text for one in expected
    ]
    for one in expected:
        assert one.text in tags.text and one.text in words and one.where in tags.text


def test_a_page_says_what_follows_where_to_look_and_who_says_so() -> None:
    session = ended("crashed")
    found = whole(session.desk)
    tags = Tags(page_of(found).decode())
    words = markdown(found.report)
    for one in found.report.every_finding:
        for text in (one.follows, one.look_at, one.source, one.says):
            assert text in tags.text and text in words
        here = next(row for row in one.code.rows if row.here)
        assert here.text in tags.text and here.text in words
        for value in one.registers.values():
            assert f"{value:016x}" in tags.text
    assert found.report.command in tags.text and found.report.command in words
    assert found.report.digest in tags.text and found.report.image.sha256 in tags.text


def test_a_page_says_of_how_many_findings_it_does_not_have_the_registers() -> None:
    image = str(ROOT / "samples" / "gallery" / "no-pause.elf")
    session = open_session(image, platform="tdx", cpus=26)
    session.do("run")
    text = Tags(page_of(whole(session.desk)).decode()).text
    assert "The first 20 have code and registers; of the 5 others they were not read." in text


def test_a_page_tells_injections_entries_and_the_file_that_replay_reads() -> None:
    session = open_session(platform="tdx", cpus=2, inject=["never-starts 1"])
    for words in ("run 60000", "set cpu0:r15=5", "run"):
        session.do(words)
    found = whole(session.desk)
    for text in (Tags(page_of(found).decode()).text, markdown(found.report)):
        assert "never-starts 1: tick 0" in text and "tick 60,000: set cpu0:r15=0x5" in text
        assert all(line in text for line in found.report.recording)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_trace_keeps_the_rules_of_the_format(platform: str) -> None:
    found = of_boot(platform)
    trace = json.loads(chrome.trace(found))
    assert next(iter(trace)) == "traceEvents"
    lanes = {
        e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"
    }
    assert [lanes[cpu] for cpu in range(4)] == [f"cpu {n} (apic {n})" for n in range(4)]
    for event in trace["traceEvents"]:
        assert {"ph", "ts", "pid", "tid", "name"} <= set(event)
        assert event["ph"] in ("M", "X", "i", "s", "f") and event["tid"] in (*lanes, 0)
        assert event["ph"] != "X" or event["dur"] >= 0
    spans = [e for e in trace["traceEvents"] if e["name"] == "running"]
    assert sum(e["args"]["instructions"] for e in spans) == found.report.ticks
    starts = [e["id"] for e in trace["traceEvents"] if e["ph"] == "s"]
    ends = [e["id"] for e in trace["traceEvents"] if e["ph"] == "f"]
    assert starts == ends and len(starts) >= 3


def test_a_trace_has_the_findings_as_moments_of_their_cpus() -> None:
    found = whole(ended("crashed").desk)
    events = json.loads(chrome.trace(found))["traceEvents"]
    shown = [one for one in events if one.get("cat") == "finding"]
    assert [(one["tid"], one["args"]["tick"]) for one in shown] == [
        (one.cpu, one.tick) for one in found.report.every_finding
    ]
    assert all(0 < one["ts"] <= found.report.virtual_ns / 1e3 for one in shown)


def test_the_json_export_is_the_report_of_a_run_with_its_trace(tmp_path: Path) -> None:
    words = ("samples/gallery/no-ack.elf", "--platform", "tdx", "--cpus", "2")
    run = json.loads(apdbg("run", *words, "--json").stdout)
    session = open_session(str(ROOT / words[0]), platform="tdx", cpus=2)
    session.do("run")
    session.do(f"export {tmp_path / 'a.json'}")
    export = json.loads((tmp_path / "a.json").read_text())
    own = {"traceEvents", "displayTimeUnit", "otherData", "profile"}
    assert export.keys() - own == run.keys() - {"wall_s"}
    for name in export.keys() - own - {"image", "kernel", "command"}:
        assert export[name] == run[name], name
    profile = profile_of(session.desk, chosen(()))
    assert export["profile"] == json.loads(as_json(profile))


def test_a_page_has_the_profile_as_text(tmp_path: Path) -> None:
    session = open_session(platform="sipi", cpus=3)
    session.do("run")
    session.do(f"export {tmp_path / 'a.html'}")
    page = (tmp_path / "a.html").read_text()
    assert "Where the time went" in page
    assert "cpu 0 switches the machine off: " in page and "modes: leaves real mode" in page


def test_files_are_written_by_their_ending(tmp_path: Path) -> None:
    session = open_session(platform="none", cpus=2)
    session.do("run 5000")
    for words in ("export a.json", "export a.html", "report a.md"):
        word, name = words.split()
        (line,) = session.do(f"{word} {tmp_path / name}").reply
        assert line.endswith(f"{(tmp_path / name).stat().st_size:,} bytes")
    assert session.do("report").reply == tuple((tmp_path / "a.md").read_text().splitlines())


def test_a_file_of_another_kind_is_refused_with_the_command_that_writes_it(
    tmp_path: Path,
) -> None:
    session = open_session(platform="none", cpus=1)
    for words, said in (
        ("save x.html", "`export` writes one"), ("save x.json", "`export` writes one"),
        ("save x.md", "`report` writes one"), ("export x.md", "`report` writes"),
        ("export x.pdf", "must end in"), ("report x.html", "must end in .md"),
    ):  # fmt: skip
        word, name = words.split()
        with pytest.raises(CommandError, match=re.escape(said)):
            session.do(f"{word} {tmp_path / name}")
        assert not (tmp_path / name).exists()


def test_a_report_at_the_command_line_is_the_report_of_the_session(tmp_path: Path) -> None:
    words = ("report", "samples/gallery/no-ack.elf", "--platform", "tdx", "--cpus", "2")
    printed = apdbg(*words)
    done = apdbg(*words, "-o", str(tmp_path / "a.md"))
    assert (printed.returncode, done.returncode, done.stderr) == (0, 0, "")
    assert printed.stdout == (tmp_path / "a.md").read_text()
    session = open_session(str(ROOT / words[1]), platform="tdx", cpus=2)
    session.do("run")
    made: RunReport = report.of(session.desk)
    assert printed.stdout.replace(f"{ROOT}/", "") == markdown(made).replace(f"{ROOT}/", "")


@pytest.fixture
def a_stop_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However quick the host is, an export looks at its first stop and lets go."""
    some = Tour.some
    monkeypatch.setattr(Tour, "some", lambda tour, _: some(tour, 0.0))


@pytest.mark.usefixtures("a_stop_at_a_time")
def test_an_export_is_made_in_stretches_between_which_the_machine_is_where_it_was(
    tmp_path: Path,
) -> None:
    session = ended("degraded")
    session.do("goto 160000")
    here, digest, file = session.timeline.now, session.digest(), tmp_path / "a.html"
    session.begin(f"export {file}")
    stretches = 0
    while session.running:
        assert (session.timeline.now, session.digest()) == (here, digest)
        assert not file.exists()
        session.pump(0)
        stretches += 1
    assert stretches > 1 and session.view().reply == (f"{file}: {file.stat().st_size:,} bytes",)


@pytest.mark.usefixtures("a_stop_at_a_time")
def test_an_export_that_is_stopped_says_that_it_wrote_nothing(tmp_path: Path) -> None:
    session = ended("degraded")
    here = session.timeline.now
    session.begin(f"export {tmp_path / 'a.html'}")
    session.pump(0)
    session.pause()
    (said,) = session.view().reply
    assert said.endswith("stops are read, nothing is written yet")
    assert session.timeline.now == here and not list(tmp_path.iterdir())
    assert session.verdict is not None and session.verdict.outcome == "degraded"


def test_an_export_that_cannot_be_written_leaves_nothing_running(tmp_path: Path) -> None:
    session = open_session(platform="none", cpus=1)
    with pytest.raises(CommandError, match="nowhere"):
        session.do(f"export {tmp_path / 'nowhere' / 'a.html'}")
    assert not session.running
    session.do("step 1")
