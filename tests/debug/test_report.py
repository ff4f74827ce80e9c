"""What is told of a run is told in one place: the findings with what stood there, and the one
command that comes to the same state."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from emu import Session, open_session
from emu.debug import report
from emu.judge.report import FindingReport, RunReport
from emu.mailbox.rule import Finding, each
from emu.mailbox.rules import BY_NAME
from tests.gallery import Bug
from tests.guest import boot
from tests.test_command_line import ROOT, apdbg


class Case(Struct, frozen=True):
    """A session, and the command by which a stranger comes to where it stands."""

    name: str
    options: dict[str, object]
    words: tuple[str, ...]
    command: str = ""
    """Empty: `apdbg replay boot.apdbg`."""


def image(slug: str) -> str:
    """An image of the gallery."""
    return f"samples/gallery/{slug}.elf"


CASES = (
    Case("booted", {"platform": "vbs", "cpus": 2}, ("run",),
         "apdbg run --platform vbs --cpus 2"),
    Case("a finding", {"image": image("no-ack"), "platform": "tdx", "cpus": 2}, ("run",),
         "apdbg run samples/gallery/no-ack.elf --platform tdx --cpus 2"),
    Case("crashed", {"image": image("page-reused"), "platform": "tdx", "cpus": 4}, ("run",),
         "apdbg run samples/gallery/page-reused.elf --platform tdx --cpus 4"),
    Case("hung", {"image": image("lock-held"), "platform": "vbs", "cpus": 4}, ("run",),
         "apdbg run samples/gallery/lock-held.elf --platform vbs --cpus 4"),
    Case("stuck", {"platform": "tdx", "cpus": 4, "watchdog": 30_000}, ("run",),
         "apdbg run --platform tdx --cpus 4 --watchdog 30000"),
    Case("stuck on a branch", {"platform": "tdx", "cpus": 4, "watchdog": 30_000},
         ("run 5000", "step 3", "run")),
    Case("limit", {"platform": "none", "cpus": 2, "max_ticks": 70_000, "seed": 7}, ("run",),
         "apdbg run --platform none --cpus 2 --seed 7 --max-ticks 70000"),
    Case("options", {"platform": "tdx", "cpus": 3, "schedule": "random 5", "memory": 128,
                     "cmdline": "offline=1 it's", "inject": ["never-starts 2"]}, ("run",),
         "apdbg run --platform tdx --cpus 3 --memory 128 --cmdline 'offline=1 it'\"'\"'s' "
         "--schedule 'random 5' --inject 'never-starts 2'"),
    Case("typed at power-on", {"platform": "tdx", "cpus": 2},
         ("inject never-starts 1", "run"),
         "apdbg run --platform tdx --cpus 2 --inject 'never-starts 1'"),
    Case("half way", {"platform": "tdx", "cpus": 2}, ("run 60000",),
         "apdbg run --platform tdx --cpus 2 --until 'tick 60000'"),
    Case("in the past", {"image": image("no-ack"), "platform": "tdx", "cpus": 4},
         ("run", "goto 133000"),
         "apdbg run samples/gallery/no-ack.elf --platform tdx --cpus 4 --until 'tick 133000'"),
    Case("stepped", {"platform": "tdx", "cpus": 2},
         ("until start_aps", "step 7", "cpu 1", "run 5000")),
    Case("a branch", {"image": image("no-ack"), "platform": "tdx", "cpus": 4},
         ("run", "goto 120000", "hold 2", "set cpu0:r15=5", "run 30000")),
    Case("late injection", {"platform": "tdx", "cpus": 2},
         ("run 60000", "inject nmi 1 at mailbox_wait cpu 1", "run")),
    Case("no rules", {"platform": "tdx", "cpus": 2, "rules": False}, ("run 60000",)),
    Case("between two beats", {"platform": "tdx", "cpus": 2},
         ("break mailbox_wait", "run")),
    Case("hung on a branch", {"image": image("lock-held"), "platform": "vbs", "cpus": 4},
         ("run 90000", "step 3", "run")),
)  # fmt: skip


def opened(case: Case) -> Session:
    """The session, behind its last command."""
    options = dict(case.options)
    where = options.pop("image", None)
    found = open_session(None if where is None else str(where), **options)  # type: ignore[arg-type]
    for words in case.words:
        found.do(words)
    return found


def told(found: list[FindingReport]) -> list[tuple[str, int | None, int, str, object]]:
    """What findings are, each with those below it."""
    return [(one.rule, one.cpu, one.tick, one.text, told(one.consequences)) for one in found]


def told_again(found: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """The same of a file."""
    return [
        (one["rule"], one["cpu"], one["tick"], one["text"], told_again(one["consequences"]))  # type: ignore[arg-type]
        for one in found
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_one_command_comes_to_the_same_state(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    session = opened(case)
    before = session.digest(), session.timeline.now, len(session.timeline.branch.entries)
    made = report.of(session.desk)
    assert before == (
        session.digest(), session.timeline.now, len(session.timeline.branch.entries)
    )  # fmt: skip
    if case.name.split()[0] in ("hung", "stuck"):
        assert session.verdict is not None and session.verdict.outcome == "hung"
    assert made.command == (case.command or "apdbg replay boot.apdbg")
    _, *words = shlex.split(made.command)
    if case.command:
        assert made.command_note.startswith("the watchdog") == (case.name == "stuck")
        assert not made.recording
        again = json.loads(apdbg(*words, "--json").stdout)
    else:
        assert made.command_note.startswith("no option of `apdbg run` says ")
        file = tmp_path / "boot.apdbg"
        file.write_text("\n".join(made.recording) + "\n")
        done = apdbg("replay", str(file), "--export", str(tmp_path / "again.json"))
        assert (done.returncode, done.stderr) == (0, "")
        again = json.loads((tmp_path / "again.json").read_text())
    assert again["digest"] == made.digest
    assert told_again(again["findings"]) == told(made.findings)
    assert (again["ticks"], again["outcome"]) == (made.ticks, made.outcome)


def test_a_platform_that_was_changed_is_in_the_recording(tmp_path: Path) -> None:
    platform = tmp_path / "own.toml"
    text = (ROOT / "samples" / "platforms" / "none.toml").read_text()
    platform.write_text(text)
    session = open_session(platform=str(platform), cpus=1)
    assert report.of(session.desk).command.startswith("apdbg run --platform ")
    platform.write_text(text + "\n# changed\n")
    made = report.of(session.desk)
    assert made.command == "apdbg replay boot.apdbg" and made.recording
    assert made.command_note.startswith("the platform's file is not what it was")


def test_a_recording_goes_through_pages_and_mails() -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("step 3")
    made = report.of(session.desk)
    assert len(made.recording) == 4
    assert all(line.isascii() and line.isprintable() for line in made.recording)


def test_a_command_is_one_line_of_a_shell_whatever_a_file_is_called(tmp_path: Path) -> None:
    name = tmp_path / "a b\n'$(x)\\\x1b\x7f.elf"
    name.write_bytes((ROOT / "samples" / "shim.elf").read_bytes())
    session = open_session(str(name), platform="tdx", cpus=1)
    command = report.of(session.desk).command
    assert command.isprintable()
    program = f"import sys; sys.stdout.buffer.write(repr(sys.argv[1:]).encode())\n{''}"
    script = command.replace("apdbg ", f"{sys.executable} -c {shlex.quote(program)} ", 1)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == repr(
        ["run", str(name), "--platform", "tdx", "--cpus", "1", "--until", "tick 0"]
    )


def test_a_finding_has_its_rule_its_code_and_the_registers_there() -> None:
    session = Bug.of("page-reused").prepared()
    session.do("run")
    made = report.of(session.desk)
    found: list[Finding] = list(each(session.findings()))
    assert len(made.every_finding) == len(found) >= 4
    for one, finding in zip(made.every_finding, found, strict=True):
        rule = BY_NAME[one.rule]
        assert (one.says, one.source, one.follows, one.look_at) == (
            rule.says, rule.source, rule.follows, rule.look_at,
        )  # fmt: skip
        file, line = finding.where.split(" at ")[1].split(":")
        assert (one.code.file, one.code.line) == (file, int(line))
        (here,) = [row for row in one.code.rows if row.here]
        source = (ROOT / file).read_text().expandtabs(8).splitlines()
        assert here.text == source[int(line) - 1]
        assert finding.cpu is not None
        session.do(f"goto {finding.tick}")
        assert one.registers.items() <= session.registers(finding.cpu).items()
        assert {"rax", "rsp", "rip", "rflags", "cr3"} <= one.registers.keys()
        session.do("goto end")


def test_where_there_is_no_source_there_are_instructions() -> None:
    session = boot("mov rax, 0x1234567\nmov [rax], rax\nud2")
    session.do("run")
    made = report.of(session.desk)
    (finding,) = made.findings
    (here,) = [row for row in finding.code.rows if row.here]
    assert (here.kind, here.number) == ("asm", finding.registers["rip"])
    assert finding.code.file == ""


def test_only_the_first_findings_are_gone_to_and_that_is_said() -> None:
    session = open_session(str(ROOT / image("no-pause")), platform="tdx", cpus=26)
    session.do("run")
    made = report.of(session.desk)
    every = made.every_finding
    assert len(every) == 25 and made.looked_at == 20
    assert [bool(one.registers) for one in every] == [True] * 20 + [False] * 5
    assert [bool(one.code.rows) for one in every] == [True] * 20 + [False] * 5


@pytest.mark.parametrize("words", ["export a.html", "export a.json", "report a.md", "report"])
def test_a_run_goes_on_as_if_nothing_had_been_exported(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = str(ROOT / image("branch-into-tdcall"))
    plain, session = (open_session(name, platform="tdx", cpus=4) for _ in range(2))
    for tick in (30_000, 90_001, 150_000):
        session.do(f"goto {tick}")
        before = session.stop, session.focus, session.timeline.now, session.digest()
        session.do(words)
        assert before == (session.stop, session.focus, session.timeline.now, session.digest())
    session.do("run")
    plain.do("run")
    assert session.digest() == plain.digest() and session.findings() == plain.findings()
    assert list(session.machine.board.logs.events) == list(plain.machine.board.logs.events)
    assert session.timeline.branch.entries == [] and len(session.timeline.branches) == 1


def test_what_was_entered_and_where_a_branch_began_is_told() -> None:
    session = open_session(platform="tdx", cpus=2, inject=["never-starts 1 at tick 70000"])
    for words in ("run 60000", "goto 50000", "mark here", "set cpu0:r15=5", "run 100"):
        session.do(words)
    made: RunReport = report.of(session.desk)
    assert (made.branch.name, made.branch.parent, made.branch.fork_tick) == (
        "branch2", "main", 50_000,
    )  # fmt: skip
    assert [(one.tick, one.text) for one in made.branch.entries] == [
        (0, "inject never-starts 1 at tick 70000"), (50_000, "set cpu0:r15=0x5"),
    ]  # fmt: skip
    assert made.branch.marks == {"here": 50_000}
    assert made.injections[0].fired_tick is None
    assert (made.memory_mib, made.schedule, len(made.cpus)) == (64, "timed", 2)
    assert made.versions.keys() == {"apdbg", "unicorn", "python", "system"}


def test_a_brief_report_goes_nowhere() -> None:
    session = open_session(str(ROOT / image("no-ack")), platform="tdx", cpus=2)
    session.do("run")
    made = report.of(session.desk, brief=True)
    assert made.findings and made.looked_at == 0 and not made.versions and not made.command
    assert not any(one.registers or one.code.rows for one in made.every_finding)
