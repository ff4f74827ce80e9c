"""What is found in real boots: every bug of the gallery, and nothing where all is well."""

from pathlib import Path
from typing import Final

import msgspec
import pytest

from emu import Session, open_session
from emu.debug import recording, report
from emu.debug.opening import replay_session
from emu.debug.setup import Options, Setup
from emu.errors import CommandError
from emu.mailbox.observation import Observation
from emu.mailbox.rule import Finding
from emu.mailbox.rules import RULES
from tests.gallery import FOLDER as GALLERY
from tests.gallery import FOUND, ROOT, Bug
from tests.shard import breadth, of_the_day

PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
SCHEDULES: Final = 1_000
"""Random schedules of healthy boots, over all platforms and `DAYS` days."""
DAYS: Final = 5
CHUNK: Final = 25
CHUNKS: Final = SCHEDULES // (CHUNK * len(PLATFORMS))


def gallery(slug: str) -> Session:
    """An image of the gallery, run as its entry says."""
    session = Bug.of(slug).prepared()
    session.do("run")
    return session


def told(found: tuple[Finding, ...]) -> list[str]:
    """Findings as lines that a person can compare."""
    return [f"{one.rule} cpu {one.cpu}: {one.text}" for one in found]


@pytest.mark.parametrize("slug", breadth(FOUND, every=6))
def test_the_bug_of_an_image_is_found_where_its_entry_says(slug: str) -> None:
    session, wanted = gallery(slug), Bug.of(slug).entry["finding"]
    place = wanted.get("seen", wanted["where"])
    found = [one for one in session.findings() if one.rule == wanted["rule"]]
    assert [one.cpu for one in found[:1]] == [wanted["cpu"]], told(session.findings())
    assert place in found[0].where


def test_an_honest_host_brings_out_no_unchecked_status() -> None:
    session = open_session(str(GALLERY / "id-unchecked.elf"), platform="tdx", cpus=4)
    session.do("run")
    assert told(session.findings()) == []


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_healthy_boot_has_no_finding(platform: str, cpus: int) -> None:
    session = open_session(platform=platform, cpus=cpus)
    assert session.do("run").outcome == "booted"
    assert told(session.findings()) == []
    how = "as it looks" if cpus > 1 else "nobody waits yet"
    assert session.do("findings").reply[0].startswith(f"dialect acpi ({how})")


@pytest.mark.parametrize("name", ["edk2", "openhcl", "td-shim"])
def test_another_firmware_s_loop_is_known_by_its_looks_and_has_no_finding(name: str) -> None:
    image = str(ROOT / "samples" / "dialects" / f"{name}.elf")
    session = open_session(image, platform="tdx", cpus=4)
    for order in ("until kernel_start", "run"):
        session.do(order)
        assert told(session.findings()) == []
        assert session.do("findings").reply[0].startswith(f"dialect {name} (as it looks)")


def test_a_dialect_that_the_platform_names_is_not_guessed(tmp_path: Path) -> None:
    text = (ROOT / "samples/platforms/tdx.toml").read_text()
    place = tmp_path / "own.toml"
    place.write_text(f'dialect = "acpi"\n{text}')
    image = str(ROOT / "samples" / "dialects" / "openhcl.elf")
    session = open_session(image, platform=str(place), cpus=2)
    session.do("run")
    assert session.do("findings").reply[0].startswith("dialect acpi (by the platform)")
    assert {one.rule for one in session.findings()} == {
        "wait-pauses", "vector-before-ack", "halves",
    }  # fmt: skip


@pytest.mark.breadth
@pytest.mark.parametrize("chunk", of_the_day(range(CHUNKS), DAYS))
@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_random_schedule_of_a_healthy_boot_has_a_finding(platform: str, chunk: int) -> None:
    setup = Setup.of(Options(platform=platform, cpus=3))
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        session = Session(setup)
        session.timeline.enabled = False
        session.do(f"schedule random {seed}")
        assert session.do("run").outcome == "booted", seed
        assert told(session.findings()) == [], seed


def test_findings_go_back_with_the_machine_and_come_again() -> None:
    session = gallery("vector-unmapped")
    all_of_them = session.findings()
    assert len(all_of_them) == 3
    session.do(f"goto {all_of_them[1].tick - 1}")
    assert session.findings() == all_of_them[:1]
    session.do("reverse-step any")
    session.do("goto end")
    assert session.findings() == all_of_them


MOMENTS: Final = (0.3, 0.55, 0.8, 0.97)
"""Shares of a boot's ticks at which it is judged."""
COURSES: Final = (
    ("dialects/openhcl", "tdx", ()),
    ("dialects/td-shim", "tdx", ("dirty-reserved 0xff00",)),
    ("gallery/ungated-command", "vbs", ()),
    ("gallery/no-pause", "sipi", ()),
    ("", "none", ("second-wake 1",)),
    ("", "tdx", ("stall 1 3s at mailbox command=wakeup",)),
)


@pytest.mark.parametrize(("image", "platform", "inject"), breadth(COURSES, keep=2, rows=True))
def test_findings_are_a_function_of_the_moment(
    image: str, platform: str, inject: tuple[str, ...], tmp_path: Path
) -> None:
    """On the way to it, behind the end and back, and in a session that replays it."""
    path = str(ROOT / "samples" / f"{image}.elf") if image else None

    def opened() -> Session:
        return open_session(path, platform=platform, cpus=4, inject=list(inject))

    def said(session: Session) -> object:
        return session.findings(), session.do("findings").reply

    session = opened()
    session.do("run")
    end = session.timeline.now.tick
    ticks = [int(share * end) for share in MOMENTS]
    session = opened()
    on_the_way = []
    for tick in ticks:
        session.do(f"run {tick - session.timeline.now.tick}")
        assert session.timeline.now.tick == tick
        on_the_way.append(said(session))
    session.do("run")
    last = said(session)
    for tick, wanted in reversed(list(zip(ticks, on_the_way, strict=True))):
        session.do(f"goto {tick}")
        assert said(session) == wanted, tick
    session.do("goto end")
    assert said(session) == last
    session.do(f"save {tmp_path / 'x'}")
    again, problems = replay_session(recording.read(tmp_path / "x"))
    assert problems == []
    for tick, wanted in zip(ticks, on_the_way, strict=True):
        again.do(f"goto {tick}")
        assert said(again) == wanted, tick


def test_a_branch_has_findings_of_its_own() -> None:
    session = gallery("vector-unmapped")
    first, second, _ = session.findings()
    session.do(f"goto {second.tick - 100}")
    session.do("schedule random 5")
    session.do("run")
    assert session.findings()[0] == first
    assert len(session.findings()) == 3
    session.do("branch main")
    assert session.findings()[1] == second


def test_a_recording_has_the_findings_of_its_boot(tmp_path: Path) -> None:
    session = gallery("stack-shared")
    session.do(f"save {tmp_path / 'x'}")
    again, said = replay_session(recording.read(tmp_path / "x"))
    assert said == []
    assert told(session.findings())
    assert again.findings() == session.findings()


def test_the_rules_change_nothing_of_the_guest() -> None:
    runs = []
    for rules in (True, False):
        session = open_session(platform="tdx", cpus=4, rules=rules)
        for words in ("schedule random 3", "run 60000", "inject nmi 0", "run"):
            session.do(words)
        now = session.timeline.now
        runs.append((session.digest(), now, list(session.machine.board.logs.events)))
    assert runs[0] == runs[1]


def test_a_store_of_the_host_to_a_parked_ap_s_table_is_found() -> None:
    session = open_session(platform="none", cpus=3)
    session.do("until kernel_start")
    root = session.machine.board.cpus[2].registers.get("cr3")
    session.do(f"set gpa:{root + 0x10:#x}=0x77")
    assert told(session.findings()) == [
        f"page-reused cpu None: page {root:#x} is written, on which cpu 2 still runs"
    ]


def test_findings_of_one_rule_are_told_with_what_follows() -> None:
    session = gallery("truncated-vector")
    head, *rows = session.do("findings whole-vector").reply
    assert head.startswith("dialect acpi")
    assert [row.partition(":")[0] for row in rows[:4]] == [
        "error whole-vector", "    of the vector 0x8402a00 only 32 bits were read",
        "    follows", "    look at",
    ]  # fmt: skip
    assert session.do("findings one-owner").reply[1].startswith("no finding up to tick")
    with pytest.raises(CommandError, match="there is no rule 'nonsense'"):
        session.do("findings nonsense")


def test_a_consequence_is_told_under_its_cause_in_words_and_in_json() -> None:
    session = Bug.of("ungated-command").prepared("vbs")
    session.do("run")
    made = report.of(session.desk, 0.0)
    cause = next(one for one in made.findings if one.rule == "leaves-on-wakeup")
    assert made.findings[0] is cause and made.findings[-1].severity == "hint"
    below = [one.rule for one in cause.consequences]
    assert below == ["vector-executable", "command-answered"]
    rows = report.as_text(made).splitlines()
    place = next(at for at, row in enumerate(rows) if row.startswith("error leaves-on-wakeup"))
    assert [row.split(":")[0] for row in rows[place + 1 : place + 3]] == [
        f"    so error {rule}" for rule in below
    ]
    said = msgspec.json.decode(report.as_json(made))["findings"][0]
    assert [one["rule"] for one in said["consequences"]] == below
    lines = session.do("findings").reply
    assert [line.split(":")[0] for line in lines if line.startswith("    so ")] == [
        f"    so error {rule}" for rule in below
    ]
    assert session.do("findings command-answered").reply[1].startswith("error command-answered")


def test_rules_are_listed_with_their_sources() -> None:
    rows = open_session(cpus=1).do("rules").reply
    assert len(rows) == 2 * len(RULES)
    assert rows[0].startswith("command-by-os (error): ")
    assert rows[1] == "    ACPI 6.6, 5.2.12.19"


def observed(image: str | None, platform: str, *orders: str) -> list[Observation]:
    """All that is noted up to the end of a boot, got to in some way."""
    session = open_session(image, platform=platform, cpus=3)
    for order in orders:
        session.do(order)
    while session.verdict is None:
        session.do(orders[-1])
    return list(session.machine.board.logs.observed)


WAYS: Final = (
    ("run 1777",),
    ("run 60000", "goto 100", "run", "goto 70%", "goto 30%", "run"),
    ("run", "goto 20000", "branch again", "run"),
    ("break mailbox_wait", "break secondary_start", "watch mailbox.command", "run"),
)


@pytest.mark.parametrize("slug", breadth(["", "ack-before-vector", "page-reused"], keep=1))
@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi"])
def test_the_same_is_noted_however_one_gets_to_the_end(platform: str, slug: str) -> None:
    image = str(GALLERY / f"{slug}.elf") if slug else None
    wanted = observed(image, platform, "run")
    assert wanted
    for way in WAYS:
        assert observed(image, platform, *way) == wanted, way


def test_a_cpu_with_the_other_view_of_the_mailbox_is_found() -> None:
    session = open_session(platform="tdx", cpus=2, inject=["view 1 at mailbox_wait cpu 1"])
    session.do("run")
    found = next(one for one in session.findings() if one.rule == "mailbox-view")
    assert found.cpu == 1
    assert "the access is shared, the page is private" in found.text


def test_a_mailbox_that_the_nested_table_takes_away_is_no_matter_of_views() -> None:
    session = open_session(platform="none", cpus=2, inject=["npt mailbox absent at wake_aps"])
    assert session.do("run").outcome == "crashed"
    assert told(session.findings()) == []
