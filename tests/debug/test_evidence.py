"""A boot that comes to nothing says why: proof where there is one, and slow is not stuck."""

from pathlib import Path

from benchmarks import guest
from emu import open_session
from emu.judge.evidence import evidence

UNBOUNDED = "samples/gallery/unbounded-wait.elf"


def test_a_hung_boot_names_its_last_progress_its_waits_and_what_was_broken() -> None:
    session = open_session(UNBOUNDED, platform="vbs", cpus=4, inject=["never-starts 2"])
    view = session.do("run")
    assert view.outcome == "hung"
    assert "3 waiting (0, 1, 3); 1 off (2)" in view.outcome_reason
    said = evidence(session.machine)
    assert said[0].startswith("last progress: cpu 3 reaches mailbox_wait (tick ")
    assert any(one.startswith("cpu 0 at wait_for_aps+") for one in said)
    parked = "cpu 1, 3 at mailbox_wait+0x10: waits for mailbox command == 1 or == 2 (now 0x0; "
    assert any(one.startswith(parked) for one in said)
    assert said[-1] == "injected: never-starts 2 (tick 0)"


def test_a_wait_names_the_cpu_that_could_end_it_and_what_that_one_does() -> None:
    session = open_session(platform="vbs", cpus=3, inject=["stop 0 at secondary_online cpu 1"])
    assert session.do("run").outcome == "hung"
    said = evidence(session.machine)
    assert "cpu 0 shut down: stops for ever" in said
    (parked,) = [one for one in said if one.startswith("cpu 2 at mailbox_wait")]
    assert "last written by cpu 1 at tick" in parked
    assert ", which waits itself at " in parked


def test_what_still_goes_forward_when_the_limit_comes_is_slow() -> None:
    view = open_session(platform="tdx", cpus=4, max_ticks=50_000).do("run")
    assert view.outcome == "limit"
    assert "slow: the last progress was" in view.outcome_reason


def endless(tmp_path: Path, **options: int) -> str:
    """A guest whose CPUs compute for ever and never tell."""
    image = str(guest.write_image(tmp_path / "loop.elf", guest.MEMORY))
    session = open_session(image, platform="sipi", cpus=2, kernel=image, **options)
    view = session.do("run")
    return f"{view.outcome}: {view.outcome_reason}"


def test_what_makes_no_progress_up_to_the_limit_is_stuck(tmp_path: Path) -> None:
    said = endless(tmp_path, max_ticks=3_000_000)
    assert said.startswith("limit: ")
    assert "stuck: no progress for 2," in said


def test_the_watchdog_ends_what_makes_no_progress(tmp_path: Path) -> None:
    said = endless(tmp_path, watchdog=1_000_000)
    assert said.startswith("hung: stuck: no progress for 1,")


def test_the_watchdog_lets_a_slow_boot_be() -> None:
    session = open_session(platform="vbs", cpus=4, watchdog=100_000)
    assert session.do("run").outcome == "booted"
