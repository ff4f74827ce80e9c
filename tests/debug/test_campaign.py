"""A campaign says what became of each case; its file cannot expect nonsense."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from emu.debug.campaign import Campaign, run, run_case
from emu.debug.recovery import Case, RecoveryError, read

ROOT = Path(__file__).parents[2]
GOOD = """
[[case]]
inject = "never-starts 3"
platforms = ["tdx", "sipi"]
expect = "degraded"
says = "cpu 3 lost: it never arrived"
lost = [3]
marked = [3]
why = "the shim goes on without it"
"""


def case(**changes: object) -> Case:
    values: dict[str, object] = {
        "inject": ("never-starts 3",), "platform": "vbs", "expect": "degraded", "why": "so",
        "lost": (3,), "marked": (3,),
    }  # fmt: skip
    return Case(**(values | changes))  # type: ignore[arg-type]


def test_a_case_stands_for_each_of_its_platforms(tmp_path: Path) -> None:
    path = tmp_path / "recovery.toml"
    path.write_text(GOOD + '[case.on.sipi]\nsays = "other"\n')
    assert [(one.platform, one.says) for one in read(path)] == [
        ("tdx", "cpu 3 lost: it never arrived"), ("sipi", "other"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds [[case]] tables"),
        ("x = ", "is no TOML"),
        (GOOD.replace("degraded", "hung"), "expect: booted, degraded, refused, killed"),
        (GOOD.replace("why", "colour"), "there is no key 'colour'"),
        (GOOD.replace('why = "the shim goes on without it"', ""), "why (needed)"),
        (GOOD.replace('"sipi"', '"arm"'), "platforms: some of"),
        (GOOD.replace("lost = [3]", "lost = 3"), "lost: a list of CPU numbers"),
        (GOOD.replace('"never-starts 3"', "3"), "inject: a text"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_in_a_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "recovery.toml"
    path.write_text(text)
    with pytest.raises(RecoveryError) as caught:
        read(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)


def test_what_became_as_expected_has_no_problem() -> None:
    result = run_case(Campaign(), case())
    assert (result.outcome, result.problems) == ("degraded", ())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"expect": "booted"}, "degraded (3 of 4 CPUs came online; lost: 3), not booted"),
        ({"lost": (1,)}, "lost 3, not 1"),
        ({"marked": ()}, "the device tree marks 3, not none"),
        ({"says": "all is well"}, "nothing says 'all is well'"),
        ({"breaks": frozenset(("halves",))}, "rules broken: none, not halves"),
        (
            {"inject": ("never-starts 3", "nmi 1 at tick 999_999_999")},
            "nmi 1 at tick 999_999_999: its moment did not come",
        ),
        ({"inject": ("rain",)}, "the kinds are"),
    ],
)
def test_whatever_is_not_as_expected_is_a_problem(
    changes: dict[str, object], problem: str
) -> None:
    result = run_case(Campaign(), case(**changes))
    assert any(problem in one for one in result.problems), result.problems


def test_a_boot_that_hangs_silently_is_a_problem_with_evidence() -> None:
    result = run_case(Campaign(str(ROOT / "samples/gallery/unbounded-wait.elf")), case())
    assert any(one.startswith("hung") for one in result.problems)
    assert result.evidence[0].startswith("cpu 0 broke bounded-wait at wait_for_aps+")
    assert result.evidence[1].startswith(
        "cpu 0 is stuck: nobody is left who could move it on; at wait_for_aps+"
    )


@pytest.mark.breadth
def test_results_come_in_the_order_of_the_cases_however_many_run_at_a_time() -> None:
    cases = tuple(case(platform=platform) for platform in ("tdx", "vbs", "sipi"))
    results = list(run(Campaign(cases=cases), jobs=2))
    assert [result.case.platform for result in results] == ["tdx", "vbs", "sipi"]
    assert not any(result.problems for result in results)


@pytest.mark.breadth
def test_the_command_prints_a_line_a_case_and_exits_1_where_one_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "recovery.toml"
    path.write_text(GOOD.replace("lost = [3]", "lost = []"))
    words = [sys.executable, "-m", "tui", "campaign", "--file", str(path), "--jobs", "1"]
    done = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert "BAD tdx   degraded  never-starts 3\n      lost 3, not none" in done.stdout
    assert "2 cases, 2 not as expected" in done.stdout
    done = subprocess.run(
        [*words, "--json"], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert json.loads(done.stdout)["bad"] == 2
    done = subprocess.run(
        [*words, "--only", "rain"], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "no case is left" in done.stderr
