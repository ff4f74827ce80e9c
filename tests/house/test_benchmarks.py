"""The benchmarks measure what they say, shown with amounts too small to measure by."""

import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from benchmarks import __main__ as command
from benchmarks import (
    boot,
    breakpoints,
    checkpoints,
    compare,
    guest,
    history,
    inside,
    large_image,
    linux,
    qemu,
    step,
)
from benchmarks import exit as one_exit
from benchmarks.bare import Bare
from benchmarks.machine import Machine
from benchmarks.one_boot import boots
from benchmarks.other_tree import NoTreeError, git, tree_of
from benchmarks.picture import read_whole
from benchmarks.process import ROOT
from benchmarks.row import Row, Target, table
from benchmarks.travel import sampled
from benchmarks.turns import in_turns, p95
from benchmarks.virtual import bring_up_ms
from emu import open_session
from emu.picture.view import MachineView
from tests.guest import Program
from tests.guest import boot as boot_guest
from tests.house.tree import imported, python_files


def test_every_cpu_of_the_computing_guest_has_its_turns(tmp_path: Path) -> None:
    image = str(guest.write_image(tmp_path / "loop.elf", guest.MEMORY))
    session = open_session(image, platform="sipi", cpus=4, kernel=image)
    before = session.do("run 100000").whole()
    after = session.do("run 400000")
    turns = [b.ticks - a.ticks for a, b in zip(before.cpus, after.cpus, strict=True)]
    assert sum(turns) == 400_000
    assert min(turns) > 50_000
    assert [cpu.mode for cpu in after.cpus] == ["long", "real", "real", "real"]


def test_large_images_open_with_every_symbol_line_and_inlined_function(tmp_path: Path) -> None:
    for kernel in (False, True):
        place = tmp_path / "image"
        place.write_bytes(large_image.image(3, padding=4096, kernel=kernel))
        session = open_session(str(place), cpus=1, platform="linux" if kernel else "none")
        layout = session.machine.board.layout
        found = layout.placed[0].image.symbols
        assert len(found) == 3 * large_image.FUNCTIONS
        for one in found:
            assert layout.lines.line_of(one.address) is not None
            inner = layout.lines.functions(one.address + 16 + 32)
            assert [function.inlined for function in inner] == [True, False]
            assert (inner[0].line, inner[1].name) == (11, one.name)


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


def test_a_kernel_is_booted_up_to_the_line_and_told_beside_qemu_or_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(linux.NAMED_BY, str(tmp_path / "none"))
    assert list(linux.rows(quick=True)) == []
    monkeypatch.setenv(linux.NAMED_BY, str(ROOT / "samples/linux/bzImage"))
    monkeypatch.setattr(qemu, "installed", lambda: False)
    (row,) = linux.rows(quick=True)
    assert row.good and row.value > 0 and row.beside_value is None
    assert row.note.endswith("no QEMU here")
    monkeypatch.setattr(qemu, "installed", lambda: True)
    monkeypatch.setattr(linux, "_qemu", lambda image: 1e-3)
    (row,) = linux.rows(quick=True)
    assert row.beside_value == pytest.approx(float(row.note.split()[0]) * 1e3, abs=1e3)


def test_two_things_are_measured_in_turns_and_each_turn_has_its_ratio() -> None:
    order, slow = [], iter((1, 1, 10, 10, 1, 1))

    def mine() -> float:
        order.append("a")
        return 2.0 * next(slow)

    def other() -> float:
        order.append("b")
        return 4.0 * next(slow)

    turns = in_turns(mine, other, 3)
    assert "".join(order) == "abbaab"
    assert (turns.mine, turns.other, turns.ratio) == (2.0, 4.0, 0.5)
    assert p95([float(one) for one in range(100)]) == 95.0


def test_a_table_says_what_missed_its_target() -> None:
    half = Target(least=0.5, ratio=True)
    rows = [
        Row("boot", "4 cpus", 1.25, "s", "import", 0.05, Target(most=1.5)),
        Row("boot", "8 cpus", 1.75, "s", target=Target(most=1.5), note="slow"),
        Row("boot", "9 cpus", 0.0, "s", target=Target(most=1.5), note="hung", valid=False),
        Row("boot", "fast", 30, "steps/s", "bare", 100, half),
        Row("boot", "fast", 30, "steps/s", "bare", 1, half, paired=0.6),
    ]  # fmt: skip
    assert table(rows).splitlines() == [
        "boot",
        "          apdbg       beside it    ratio  target",
        "  4 cpus  1.25 s      import 0.05  x 25   <= 1.5    met",
        "  8 cpus  1.75 s                          <= 1.5    NOT met    slow",
        "  9 cpus  0 s                             <= 1.5    not valid  hung",
        "  fast    30 steps/s  bare 100     x 0.3  >= x 0.5  NOT met",
        "  fast    30 steps/s  bare 1       x 0.6  >= x 0.5  met",
    ]
    assert [row.good for row in rows] == [True, False, False, False, True]


def test_a_cost_grows_as_things_get_worse() -> None:
    assert Row("a", "b", 2.0, "s").cost == 2.0
    assert Row("a", "b", 2.0, "s", "c", 4.0).cost == 0.5
    assert Row("a", "b", 2.0, "steps/s", "c", 4.0).cost == 2.0


def test_a_picture_is_read_to_its_last_part() -> None:
    picture = read_whole(open_session(cpus=4).view())
    assert isinstance(picture, MachineView)
    assert len(picture.cpus) == 4 and picture.code and picture.timeline.lanes


def test_a_rate_is_that_of_the_steps_asked_for() -> None:
    assert step.rate(5, 3) > 0
    assert step.rate(1, 3, read_whole) > 0


def test_the_delaying_cpu_exits_twice_a_lap_and_never_sleeps() -> None:
    session = one_exit.delaying()
    session.do(f"run {one_exit.LAP * 10}")
    before = inside.exits(session)
    session.do(f"run {one_exit.LAP * 300}")
    assert inside.exits(session) - before == 300 * one_exit.EXITS_OF_A_LAP


def test_page_walks_in_python_are_counted_where_there_are_some() -> None:
    session = open_session(cpus=4)
    session.looks.wanted = frozenset({"walk"})
    session.do(f"walk {session.view().cpus[0].rip:#x}")
    assert inside.page_walks(session.picture) > 0
    assert inside.page_walks(lambda: None) == 0


def test_checkpoints_are_timed_and_weighed_by_turns() -> None:
    session = boot_guest(Program(checkpoints.CHATTY, {}), max_ticks=10**12)
    clock = inside.CheckpointClock(session)
    session.do("run 600000")
    assert len(clock.seconds) > 5
    assert 0 <= len(clock.bytes) - len(clock.seconds) <= 1
    assert min(clock.bytes) > 0
    assert inside.exits(session) == 600_000 // 499
    assert len(session.event_moments()) == 5, "a line every 256 bytes, the first after ten"


def test_a_restored_checkpoint_is_the_one_before() -> None:
    session = open_session(cpus=4)
    session.do("run")
    borders = inside.borders(session)
    session.do(f"goto {borders[5] - 1}")
    back, dirty = inside.restore(session)
    back()
    assert dirty > 0
    assert session.view().tick == borders[4]
    assert inside.restore(session)[1] == 0


def test_breakpoints_that_are_not_hit_are_not_hit() -> None:
    places = breakpoints.unreached(60)
    session = open_session(platform=breakpoints.PLATFORM, cpus=breakpoints.CPUS)
    for place in places:
        session.do(f"break {place:#x}")
    assert len(set(places)) == 60
    assert session.do("run").outcome == "booted"


def test_benchmarks_need_no_test_but_the_builder_of_guests() -> None:
    needed = {
        target
        for path in python_files("benchmarks")
        for _, target in imported(path)
        if target.startswith("tests.") and not target.startswith("tests.guest.")
    }
    assert not needed


def test_a_boot_in_a_process_of_its_own_tells_what_it_took() -> None:
    report = boots("tdx", boot.FEW, 1)
    assert report["wrong"] == ""
    assert report["steps"] > 0


def test_reverse_steps_are_sampled_over_the_whole_boot() -> None:
    session = open_session(cpus=4)
    session.do("run")
    asked: list[random.Random] = []

    def order(dice: random.Random) -> str:
        asked.append(dice)
        return "reverse-step any"

    assert len(sampled(session, 3, order)) == len(asked) == 3


def _row(what: str, cost: float, valid: bool = True) -> dict[str, object]:
    return Row("step", what, cost, "s", valid=valid, note="slept").as_dict()


def test_rows_of_two_commits_are_compared_by_their_medians() -> None:
    here, there = compare.Found(), compare.Found()
    for cost in (3.0, 30.0, 2.0):
        compare.note(here, "step", {"failed": {}, "rows": [_row("one", cost), _row("new", 1)]})
    compare.note(there, "step", {"failed": {}, "rows": [_row("one", 2.0)]})
    rows = compare.compared(here, there)
    assert [(row.key, row.owner, row.ratio) for row in rows] == [("step: one", "step", 1.5)]
    assert compare.told(rows, here, there)[-1] == "  step: new is not measured there"


def test_what_a_commit_cannot_be_measured_by_is_said() -> None:
    there = compare.Found()
    compare.note(there, "boot", {})
    compare.note(there, "exit", {"failed": {"exit": "KeyError: 'x'"}, "rows": []})
    compare.note(there, "step", {"failed": {}, "rows": [_row("one", 0.0, valid=False)]})
    assert compare.told([], compare.Found(), there) == [
        "  boot cannot be measured there: it did not start, or was ended after its time",
        "  exit cannot be measured there: KeyError: 'x'",
        "  step cannot be measured there: one: slept",
    ]


def _in_git() -> bool:
    try:
        return git("rev-parse", "--show-toplevel") == str(ROOT)
    except NoTreeError:
        return False


needs_git = pytest.mark.skipif(not _in_git(), reason="these files are no git checkout")


@needs_git
def test_another_commit_is_there_for_a_while_and_measured_by_these_benchmarks() -> None:
    with tree_of("HEAD", measured_by=True) as tree:
        assert (tree / "emu" / "debug").is_dir()
        ours, theirs = (root / "benchmarks" / "compare.py" for root in (ROOT, tree))
        assert ours.read_bytes() == theirs.read_bytes()
        assert str(tree) in git("worktree", "list")
    assert not tree.exists()
    assert str(tree) not in git("worktree", "list")


def test_a_commit_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--against", "no-such-commit", "step"]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert len(printed.err.splitlines()) == 1


def test_without_git_there_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["--against", "HEAD", "step"]) == 2
    assert "git is not installed" in capsys.readouterr().err


@needs_git
@pytest.mark.breadth
def test_two_commits_are_compared_in_processes_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main(["--against", "HEAD", "--quick", "exit"]) == 0
    assert "exit: one exit" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["nothing"], ["--write", "--quick"], ["--tries", "0"], ["--json", "--write"]]
)
def test_a_command_line_without_sense_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.options_of(words)
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_benchmark_that_breaks_off_leaves_its_rows_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = ModuleType("benchmarks.step")

    def rows(_: bool) -> object:
        yield Row("step", "one", 1.0, "s")
        raise KeyError("x")

    monkeypatch.setattr(broken, "rows", rows, raising=False)
    monkeypatch.setitem(command.sys.modules, "benchmarks.step", broken)
    assert command.main(["--json", "step"]) == 1
    report = msgspec.json.decode(capsys.readouterr().out)
    assert [row["what"] for row in report["rows"]] == ["one"]
    assert report["failed"] == {"step": "KeyError: 'x'"}


HERE = Machine("a processor", 2, "Linux", "3.11", 5.0)


def test_a_commit_that_changes_a_figure_by_a_tenth_has_its_line() -> None:
    known = history.History()
    one, two, three = (history.Commit(name, "2026-11-28", f"did {name}") for name in "abc")
    exits = [Row("exit", "one exit", figure, "bare steps") for figure in (10.0, 9.5, 4.0)]
    known.add(one, HERE, [exits[0], Row("x", "y", 1.0, "s")])
    known.add(two, HERE, [exits[1]])
    known.add(three, HERE, [exits[2], Row("x", "y", 9.0, "s")])
    known.add(three, HERE, [Row("exit", "one exit", 3.0, "bare steps")])
    assert [change.commit for change in known.changes] == [three]
    assert known.changes[0].costs == {"exit: one exit": (9.5, 4.0)}
    lines = history.page(known).splitlines()
    assert lines[-2:] == ["* `c` 2026-11-28 did c", "  * exit: one exit: 9.5 -> 4"]
    assert sum("one exit | 3 bare steps" in line for line in lines) == 1


def test_the_page_of_figures_is_what_the_history_makes_of_itself() -> None:
    assert history.PAGE.read_text(encoding="utf-8") == history.page(history.read())


def test_within_some_minutes_the_oldest_come_first_and_none_is_taken_by_half(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, begun = [0.0], []

    def rows(name: str, quick: bool) -> Iterator[Row]:
        begun.append(name)
        for minutes in (1, 3):
            clock[0] += 60 * minutes
            yield Row(name, f"{minutes} minutes", 1.0, "s")

    monkeypatch.setattr(command, "_rows", rows)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr(history, "read", lambda: history.History({
        name: history.Taken(history.Commit("a", "2026-11-28", ""), HERE, [])
        for name in ("step", "boot", "exit")
    }))  # fmt: skip
    assert command.main(["boot", "exit", "step", "locks", "--within", "6"]) == 0
    assert begun == ["locks", "step"], "what was never taken, then the oldest"
    printed = capsys.readouterr()
    assert "locks" in printed.out and "3 minutes" in printed.out
    assert "step\n" not in printed.out and "step: not over in time" in printed.err
