"""What a way to bring CPUs up takes, by construction: what an AP does is chosen, so it is known
by how much a boot must grow.

Times are compared to a slice (a microsecond): in slices CPUs take turns, and who waits sees a
change at its next lap (docs/limits.md, "When a sleeper looks").
"""

import itertools
import json
from pathlib import Path

import msgspec
import pytest

from emu.debug.what_if import ApLoad, AtEnds, WayTaken, less, taken
from emu.debug.what_if_chart import svg
from emu.debug.what_if_report import WhatIf, reported
from emu.debug.what_if_told import as_text, claim, compared
from emu.debug.what_if_ways import BY_NAME, WAYS
from tui.__main__ import main

US = 10**6
"""Picoseconds."""
SLICE = US
NS = 1000
"""The two moments of a way are told in whole nanoseconds."""


def ps(way: str, cpus: int, own: int = 0, online: int = 0) -> int:
    return taken(BY_NAME[way], cpus, ApLoad(own, online), ends=False).online.ps


@pytest.mark.parametrize("load", [(0, 0), (100, 0), (100, 30)])
def test_one_by_one_every_further_cpu_takes_the_same(load: tuple[int, int]) -> None:
    found = [ps("ipi", cpus, *load) for cpus in range(2, 7)]
    steps = [after - before for before, after in itertools.pairwise(found)]
    assert max(steps) - min(steps) <= 2 * NS
    assert steps[0] > sum(load) * US, "what an AP does, and a start"


@pytest.mark.parametrize("way", ["ipi", "mailbox", "mailbox-each", "td-mailbox"])
def test_one_by_one_what_an_ap_does_is_paid_by_each(way: str) -> None:
    base = ps(way, 5, 100, 100)
    assert ps(way, 5, 300, 100) - base == pytest.approx(4 * 200 * US, abs=SLICE)
    assert ps(way, 5, 100, 400) - base == pytest.approx(4 * 300 * US, abs=SLICE)


@pytest.mark.parametrize("way", ["ipi-kick", "mailbox-kick"])
def test_where_all_are_kicked_first_their_own_work_is_paid_once(way: str) -> None:
    base = ps(way, 5, 300, 100)
    assert ps(way, 5, 500, 100) - base == pytest.approx(200 * US, abs=SLICE)
    assert ps(way, 5, 300, 400) - base == pytest.approx(4 * 300 * US, abs=SLICE)
    assert ps(way, 6, 300, 100) - base == pytest.approx(100 * US, abs=SLICE), "online alone"


@pytest.mark.parametrize(
    "way",
    [
        "ipi-parallel",
        "mailbox-parallel",
        "mailbox-each-parallel",
        "mailbox-each-direct",
        "td-parallel",
    ],
)
def test_in_parallel_all_that_aps_do_is_paid_once(way: str) -> None:
    base = ps(way, 5, 300, 100)
    assert ps(way, 5, 500, 100) - base == pytest.approx(200 * US, abs=SLICE)
    assert ps(way, 5, 300, 400) - base == pytest.approx(300 * US, abs=SLICE)
    assert ps(way, 6, 300, 100) - base < 30 * US, "a start, and nothing that the AP does"


def test_of_a_tree_of_starts_twice_as_many_cpus_are_one_level_more() -> None:
    """Each CPU starts two: a level is two starts at the most, whatever CPUs do themselves."""
    start = ps("ipi-parallel", 6, 1000) - ps("ipi-parallel", 5, 1000)
    found = [ps("ipi-fan-out", cpus, 1000) for cpus in (3, 7, 15, 31)]
    for before, after in itertools.pairwise(found):
        assert start - SLICE < after - before < 2 * start + SLICE


def test_old_delays_cost_each_cpu_10_ms_and_twice_200_us() -> None:
    """MP specification 1.4, B.4: INIT, 10 ms, SIPI, 200 us, SIPI, 200 us. Without them Linux
    waits 10 us behind each SIPI (arch/x86/kernel/smpboot.c)."""
    for cpus in (2, 5):
        more = ps("ipi-legacy", cpus) - ps("ipi", cpus)
        each = 10_000 + 2 * 200 - 2 * 10
        assert more == pytest.approx((cpus - 1) * each * US, abs=SLICE)


def test_a_price_moves_a_way_as_often_as_it_is_paid() -> None:
    """From a SIPI to an AP that is alive: up to 350 us (Linux, series on parallel bring-up,
    2023). Each AP does more than the boot CPU waits behind the second SIPI, so all of it
    counts."""
    found = {
        (way, cpus): taken(BY_NAME[way], cpus, ApLoad(500), ends=True)
        for way, cpus in (("ipi", 2), ("ipi", 4), ("ipi-kick", 4), ("mailbox", 4))
    }
    moved = {
        key: {end.price: end.high_ps - end.low_ps for end in one.online.ends}
        for key, one in found.items()
    }
    sipi = (350 - 5) * US
    assert moved["ipi", 2]["sipi_ns"] == pytest.approx(sipi, abs=SLICE)
    assert moved["ipi", 4]["sipi_ns"] == pytest.approx(3 * sipi, abs=SLICE)
    assert moved["ipi-kick", 4]["sipi_ns"] == pytest.approx(sipi, abs=SLICE), "all at once"
    assert "sipi_ns" not in moved["mailbox", 4], "its CPUs were started before"
    for one in found.values():
        low, high = one.online.band
        assert low < one.online.ps < high


@pytest.mark.parametrize("way", ["ipi-kick", "mailbox-each-direct", "td-accept-lazy"])
def test_a_price_that_no_run_asks_for_moves_nothing(way: str) -> None:
    """Runs at its ends are left out; here they are made."""
    load = ApLoad(20, 0, 8)
    some = taken(BY_NAME[way], 3, load, ends=True)
    assert taken(BY_NAME[way], 3, load, ends=True, every=True) == some
    assert some.online.ends


def test_runs_at_the_ends_of_prices_that_are_not_asked_for_are_left_out() -> None:
    heard: list[None] = []
    taken(BY_NAME["mailbox"], 2, ApLoad(), ends=True, heard=lambda: heard.append(None))
    assert len(heard) == 3, "instructions, exits and ports: nothing else is paid there"


def test_what_is_less_is_told_with_what_it_is_less_than() -> None:
    found = [
        WayTaken("mailbox", 4, 50), WayTaken("ipi", 4, 100),
        WayTaken("ipi-legacy", 4, 10_000),
    ]  # fmt: skip
    assert less(50, 100) == 50
    assert claim(found) == [
        "mailbox against ipi-legacy: 4 CPUs 100 % less; more than the 40 % that were claimed",
        "mailbox against ipi: 4 CPUs 50 % less; more than the 40 % that were claimed",
        "a mailbox's CPUs were started by the firmware before, and what that took is not "
        "counted",
    ]
    assert "each AP does 7 us before it reports, 0 us behind" in as_text(found, ApLoad(7))


def test_numbers_of_cpus_that_came_to_the_same_are_told_as_one() -> None:
    found = [
        one
        for cpus, ps in ((2, 500), (4, 502), (16, 300), (64, 1000), (96, 1500))
        for one in (
            WayTaken("mailbox-each", cpus, ps),
            WayTaken("mailbox", cpus, 1000),
        )
    ]
    assert compared(found) == [
        "mailbox-each against mailbox: 2 to 4 CPUs 50 % less, 16 CPUs 70 % less, 64 CPUs the "
        "same, 96 CPUs 50 % more"
    ]
    assert not claim(found), "nobody claimed anything of these"


def test_how_far_a_price_moves_a_way_is_told_with_its_sign() -> None:
    """Dearer is longer; a faster clock is shorter."""
    ends = (
        AtEnds("io_ns", 999, 1001), AtEnds("instructions_per_ns", 1500, 900),
        AtEnds("exit_ns", 800, 3000),
    )  # fmt: skip
    text = as_text([WayTaken("ipi", 2, 1000, ends)], ApLoad())
    assert (
        "ipi, 2 CPUs: 0.000 to 0.000 ms: exit_ns -20.0 % to +200.0 %; "
        "instructions_per_ns +50.0 % to -10.0 %\n" in f"{text}\n"
    ), "and the price of ports, which moves nothing to speak of, is left out"


def test_of_every_way_it_is_told_how_far_it_hangs_on_prices() -> None:
    """What the boot CPU executes, and what leaves the guest: in every way some of both."""
    for way in WAYS:
        one = taken(way, 2, ApLoad(0, 0, 4), ends=True)
        ends = {end.price: end for end in one.online.ends}
        assert ends["instructions_per_ns"].low_ps > ends["instructions_per_ns"].high_ps
        assert ends["io_ns"].low_ps < one.online.ps < ends["io_ns"].high_ps


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cpus", "x"), "--cpus: numbers from 2 to 1,024, as in 2,16,96"),
        (("--cpus", "1"), "--cpus: numbers from 2 to 1,024, as in 2,16,96"),
        (("--cpus", "4,\uff11\uff16"), "--cpus: numbers from 2 to 1,024, as in 2,16,96"),
        (("--cpus", "2,1025"), "--cpus: numbers from 2 to 1,024, as in 2,16,96"),
        (("mailbox-eac",), "there is no way 'mailbox-eac'"),
        (("by-hand",), "there is no way 'by-hand': ipi-legacy, ipi, "),
        (("--own", "-1"), "--own: '-1' is below 0"),
        (("--online", "soon"), "--online: 'soon' is not a number"),
        (("--own", "10000001"), "--own: at most 10,000,000 us, got 10,000,001"),
        (("--online", "99999999999"), "--online: at most 10,000,000 us"),
        (("--accept", "3"), "--accept: an even number of MiB up to 2,048"),
        (("--accept", "2050"), "--accept: an even number of MiB up to 2,048"),
        (("--accept", "0"), "--accept: '0' must be above 0"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["what-if", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_processes_that_share_the_runs_find_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = []
    for jobs in ("1", "2"):
        words = ["what-if", "mailbox", "td-parallel", "ipi", "--cpus", "2,3", "--jobs", jobs]
        assert main([*words, "--ends", "--json"]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


def test_a_picture_that_cannot_be_written_is_said_before_anything_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.what_if.all_taken", None)
    assert main(["what-if", "ipi", "--svg", str(tmp_path / "nowhere" / "drawn.svg")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_json_is_one_object_with_every_way_that_was_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "what-if mailbox ipi --cpus 4,2 --own 20 --online 0 --json"
    code = main(words.split())
    assert code == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == [
        "schema", "own_us", "online_us", "ways", "accept_mib", "small_pages",
    ]  # fmt: skip
    assert (told["schema"], told["own_us"], told["online_us"]) == ("apdbg-what-if/1", 20, 0)
    assert [(one["way"], one["cpus"]) for one in told["ways"]] == [
        ("mailbox", 2), ("ipi", 2), ("mailbox", 4), ("ipi", 4),
    ]  # fmt: skip
    first = told["ways"][0]
    assert list(first) == [
        "way", "words", "platform", "cmdline", "cpus", "ps", "band_ps", "prices",
        "accepted", "waited",
    ]  # fmt: skip
    assert first["band_ps"] == [first["ps"], first["ps"]]
    assert msgspec.convert(told, WhatIf).ways[0].ps == ps("mailbox", 2, 20)


def test_a_picture_of_the_same_results_is_the_same_and_no_name_hides_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "drawn.svg"
    assert main(["what-if", "mailbox", "--cpus", "2,3", "--svg", str(place)]) == 0
    capsys.readouterr()
    found = [taken(BY_NAME["mailbox"], cpus, ApLoad(), ends=False) for cpus in (2, 3)]
    assert place.read_text(encoding="utf-8") == svg(reported(found, ApLoad()))

    alike = [WayTaken(way.name, cpus, 5 * US + cpus) for way in WAYS for cpus in (2, 64)]
    drawn = svg(reported(alike, ApLoad()))
    rows = [
        int(line.split('y="')[1].split('"')[0])
        for line in drawn.splitlines()
        for way in WAYS
        if line.endswith(f">{way.name}</text>")
    ]
    assert len(rows) == len(WAYS)
    assert min(b - a for a, b in itertools.pairwise(sorted(rows))) >= 12
