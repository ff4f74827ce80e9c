"""`schedules` tries many schedules from where the machine stands, and leaves it there."""

from typing import Final

import pytest

from benchmarks.schedules import findings
from emu import Session, open_session
from emu.errors import CommandError
from tests.guest import boot

LOST_UPDATE: Final = """
    cpu0: mov ecx, 30
      mov ebx, 2
    start: mov eax, [{SHARED}]
      .rept 40
      nop
      .endr
      inc eax
      mov [{SHARED}], eax
      test edi, edi
      jnz stop
    check: pause
      cmp dword ptr [{SHARED}], 2
      jne check
      mov dx, 0x604
      mov ax, 0x2000
      out dx, ax
    stop: hlt
      jmp stop
"""
"""Two CPUs count to 2 without a lock: where one is interrupted between load and store, CPU 0
waits for ever for the 2."""


def race() -> Session:
    session = boot(LOST_UPDATE, cpus=2)
    session.do("schedule timed quantum 40")
    return session


def test_ends_are_counted_and_the_first_that_is_bad_is_shown() -> None:
    session = race()
    rows = session.do("schedules 12 100").reply
    assert rows[0] == "12 random schedules from tick 0, seeds 100 to 111"
    seeds = {row.split()[1].rstrip(","): int(row.split()[-1]) for row in rows[1:3]}
    assert set(seeds) == {"booted", "hung"}
    assert sum(int(row.split()[0]) for row in rows[1:3]) == 12
    bad = seeds["hung"]
    assert rows[3].startswith(f"seed {bad}: hung: no CPU can ever run again")
    assert rows[5] == f"    to see it: `schedule random {bad} quantum 40`, then `run`"


def test_what_it_says_of_a_seed_is_what_a_run_shows() -> None:
    session = race()
    rows = session.do("schedules 12 100").reply
    bad = int(rows[3].split()[1].rstrip(":"))
    shown = session.do(rows[5].split("`")[1])
    assert shown.outcome is None
    session.do("run")
    assert session.verdict is not None
    assert f"seed {bad}: hung: {session.verdict.reason}" == rows[3]


def test_before_the_tick_at_which_it_is_decided_the_clock_still_saves_it() -> None:
    session = race()
    rows = session.do("schedules 12 100").reply
    tick = int(rows[4].split("tick ")[1].split(":")[0].replace(",", ""))
    session.do(rows[5].split("`")[1])
    if tick:  # else the very first choice decides
        session.do(f"run {tick}")
    assert session.timeline.now.tick == tick
    session.do("schedule timed quantum 40")
    session.do("run")
    assert session.verdict is not None
    assert session.verdict.outcome == "booted"


def test_a_boot_without_races_ends_well_by_all_and_stands_where_it_stood() -> None:
    session = open_session(platform="vbs", cpus=3)
    session.do("until wake_aps")
    before = session.timeline.now, session.digest(), session.stop
    session.do("schedules 6")
    assert session.do("schedules 6").reply == (
        f"6 random schedules from tick {session.timeline.now.tick:,}, seeds 0 to 5",
        "    6 booted, the first by seed 0",
    )
    assert (session.timeline.now, session.digest(), session.stop) == before


def test_a_broken_rule_is_counted() -> None:
    session = open_session("samples/gallery/shared-cell.elf", platform="tdx", cpus=3)
    rows = session.do("schedules 2").reply
    assert "    2 breaks halves, the first by seed 0" in rows
    assert "    it ends so by the clock, too" in rows


def test_it_can_be_paused_and_says_what_it_has() -> None:
    session = race()
    session.begin("schedules 1000")
    assert session.pump(0.0)
    session.pause()
    assert session.view().reply[0].startswith("1 random schedules from tick 0")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("schedules", "needs n"),
        ("schedules 0", "at least one"),
        ("schedules many", "n"),
        (
            "schedules 10001 7",
            "10,000 at once and no more; `schedules 10000 10007` are the next",
        ),
        ("schedule switches 4", "a switch is SLICE:CPU"),
    ],
)
def test_what_cannot_be_is_one_sentence(words: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        race().do(words)


def test_from_an_end_nothing_runs() -> None:
    session = race()
    session.do("run")
    with pytest.raises(CommandError, match="nothing runs from here on"):
        session.do("schedules 3")


def test_switches_are_a_schedule_like_others() -> None:
    session = race()
    said = session.do("schedule switches 3:1,4:0 quantum 40").reply
    assert said == ("schedule switches 3:1,4:0 quantum 40",)
    session.do("run")
    again = boot(LOST_UPDATE, cpus=2)
    again.do("schedule timed quantum 40")
    again.do("schedule switches 3:1,4:0 quantum 40")
    again.do("run")
    assert again.digest() == session.digest()


@pytest.mark.parametrize(("platform", "seed"), [("sipi", 739), ("vbs", 2866), ("tdx", 7880)])
def test_a_store_behind_a_load_of_a_lap_is_not_slept_through(platform: str, seed: int) -> None:
    """The lap ends in a later slice than its load, and the Wakeup comes in between."""
    assert findings(platform, seed) == ""
