"""The benchmarks measure what they say, shown with amounts too small to measure by."""

from pathlib import Path

from benchmarks import guest
from benchmarks.bare import Bare
from benchmarks.row import Row, Target, table
from benchmarks.virtual import bring_up_ms
from emu import open_session


def test_every_cpu_of_the_computing_guest_has_its_turns(tmp_path: Path) -> None:
    image = str(guest.write_image(tmp_path / "loop.elf", guest.MEMORY))
    session = open_session(image, platform="sipi", cpus=4, kernel=image)
    before = session.do("run 100000").whole()
    after = session.do("run 400000")
    turns = [b.ticks - a.ticks for a, b in zip(before.cpus, after.cpus, strict=True)]
    assert sum(turns) == 400_000
    assert min(turns) > 50_000
    assert [cpu.mode for cpu in after.cpus] == ["long", "real", "real", "real"]


def test_bare_unicorn_runs_the_loop_by_steps_and_at_one_go() -> None:
    stepped, run = Bare(guest.MEMORY), Bare(guest.MEMORY)
    stepped.step(7 * 30)
    run.run(7 * 30)
    assert stepped.laps == run.laps == 30


def test_bring_up_ends_when_the_last_ap_is_first_online() -> None:
    moments = (
        ("start_aps", 0, 5), ("secondary_online", 2, 20), ("secondary_online", 1, 30),
        ("secondary_online", 1, 90),
    )  # fmt: skip
    passed = [{"name": name, "cpu": cpu, "virtual_ns": ms * 10**6} for name, cpu, ms in moments]
    assert bring_up_ms({"milestones": passed}) == 25.0


def test_a_table_says_what_missed_its_target() -> None:
    rows = [
        Row("boot", "4 cpus", 1.25, "s", "import", 0.05, Target(most=1.5)),
        Row("boot", "8 cpus", 1.75, "s", target=Target(most=1.5), note="slow"),
        Row("boot", "9 cpus", 0.0, "s", target=Target(most=1.5), note="hung", valid=False),
    ]
    assert table(rows).splitlines() == [
        "boot",
        "          apdbg   beside it    ratio  target",
        "  4 cpus  1.25 s  import 0.05  x 25   < 1.5   met",
        "  8 cpus  1.75 s                      < 1.5   NOT met    slow",
        "  9 cpus  0 s                         < 1.5   not valid  hung",
    ]
    assert [row.good for row in rows] == [True, False, False]
