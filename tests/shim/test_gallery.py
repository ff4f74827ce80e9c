"""Every image of the gallery has its bug where its TOML says, and boots as far as it says."""

import re
from typing import Final

import pytest

from emu import Session
from emu.mailbox.layout import Head, read_head
from tests.gallery import IMAGES, RACES, ROOT, Bug
from tests.shard import breadth

SAMPLES: Final = ROOT / "samples"
PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")
STEPS_MAX: Final = 25
"""Of a schedule: what is run, held and released, and each step by hand."""
WORDS: Final = {"title", "failure", "reference", "symptom", "command", "platforms", "outcome"}
LABEL: Final = re.compile(r"^[.\w]+:")
BOUNDARY: Final = re.compile(r"^#(if|ifdef|ifndef|elif|else|endif)\b(.*)")


def switch(slug: str) -> str:
    return f"BUG_{slug.replace('-', '_').upper()}"


def test_each_bug_of_the_sources_is_an_image() -> None:
    files = [path for path in (ROOT / "shim").rglob("*") if path.suffix in (".S", ".inc", ".c")]
    switches = {
        (path.suffix, name)
        for path in files
        for name in re.findall(r"\b(?:BUG|DIALECT)_\w+", path.read_text())
    }
    assert {suffix for suffix, _ in switches} == {".c"}, "the healthy assembly is plain"
    in_c = {slug for slug in IMAGES if (".c", switch(slug)) in switches}
    in_assembly = {path.stem for path in (ROOT / "shim" / "gallery").iterdir()}
    assert in_c | in_assembly == set(IMAGES)
    assert {name for _, name in switches if name.startswith("BUG")} == set(map(switch, in_c))


@pytest.mark.parametrize("slug", IMAGES)
def test_the_cause_is_in_the_broken_part_with_the_number_of_its_failure(slug: str) -> None:
    found, shown = Bug.of(slug).entry, Bug.of(slug).shown
    assert found.keys() >= WORDS
    name, number = shown["cause"].split(":")
    text = (ROOT / "shim" / name).read_text()
    line = text.splitlines()[int(number) - 1]
    if name == f"gallery/{slug}.inc":
        assert LABEL.match(line) or line.startswith("    "), line
    else:
        assert BOUNDARY.match(line), line
        assert switch(slug) in line
    assert re.search(rf"\b{found['failure']}\b", text)


@pytest.mark.parametrize("slug", breadth(IMAGES, keep=2))
def test_an_image_of_the_gallery_boots_as_its_entry_says(slug: str) -> None:
    bug = Bug.of(slug)
    found = bug.entry
    assert bug.words[0] == "run" and (ROOT / bug.words[1]).stem == slug
    assert bug.options.keys() <= {"--platform", "--script", "--cmdline", "--initrd"}
    session = bug.opened(honest=True)
    schedule = bug.schedule()
    moves = [at for at, words in enumerate(schedule) if words.startswith("step")]
    comes = moves[1] if moves else 0  # by the second the CPU comes to the place
    for words in schedule[:comes]:
        session.do(words)
    session.do(f"break {bug.shown['where']} cpu {bug.shown['cpu']}")
    stop = session.do("run").stop[0]
    assert (stop.kind, stop.cpu) == ("breakpoint", bug.shown["cpu"])
    session.do(f"delete {stop.number}")
    assert session.do("run").outcome == found["outcome"]


def head(session: Session) -> Head:
    board = session.machine.board
    assert board.mailbox_gpa is not None
    page = board.npt.hpa_of(board.mailbox_gpa)
    assert page is not None
    return read_head(board.memory.read(page, 16))


def steps(commands: list[str]) -> int:
    """How long a schedule is: setting a watchpoint moves nobody."""
    found = 0
    for words in commands:
        word, *rest = words.split()
        if word == "step":
            found += int(rest[-1])
        elif word not in ("watch", "break", "delete"):
            found += 1
    return found


@pytest.mark.parametrize("slug", RACES)
def test_a_schedule_of_the_gallery_is_short(slug: str) -> None:
    assert 0 < steps(Bug.of(slug).schedule()) <= STEPS_MAX


@pytest.mark.parametrize("platform", PLATFORMS)
def test_who_reads_command_then_id_leaves_on_a_noop(platform: str) -> None:
    """The AP is about to clear a command that its OS has not stored yet."""
    session = Bug.of("command-then-id").prepared(platform)
    assert session.view().cpus[2].symbol == "mailbox_ack"
    assert (head(session).command, head(session).apic_id) == (0, 2)
    assert session.do("run").outcome == "booted"
    assert "withdrawn" not in session.view().serial


@pytest.mark.parametrize("platform", PLATFORMS)
def test_who_reads_id_then_command_leaves_on_another_s_command(platform: str) -> None:
    bug = Bug.of("id-then-command")
    session = bug.opened(platform)
    for words in bug.schedule()[:-1]:
        session.do(words)
    assert session.view().cpus[2].symbol == "mailbox_ack"
    assert (head(session).command, head(session).apic_id) == (1, 3)
    session.do(bug.schedule()[-1])
    assert (head(session).command, head(session).apic_id) == (0, 3)
    assert session.do("run").outcome == "degraded"
    found = [one for one in session.findings() if one.rule == bug.entry["finding"]["rule"]]
    assert [one.cpu for one in found] == [2] and "mailbox_ack" in found[0].where


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("slug", RACES)
def test_the_healthy_loop_is_clean_wherever_its_turn_is_taken_away(
    slug: str, platform: str
) -> None:
    """The same schedule, with the turn taken away behind each instruction of a lap."""
    bug = Bug.of(slug)
    healthy = str(SAMPLES / "shim.elf")
    commands = bug.schedule()
    held = next(at for at, words in enumerate(commands) if words.startswith("step"))
    for count in range(1, 11):
        session = bug.opened(platform, healthy)
        for words in (*commands[:held], f"step 2 {count}", *commands[held + 1 :]):
            session.do(words)
        assert not session.view().cpus[2].symbol.startswith("mailbox_ack"), count
        assert session.do("run").outcome == "booted", count
        assert [one.rule for one in session.findings()] == [], count
