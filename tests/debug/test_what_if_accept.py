"""Memory of a TD that is accepted before CPUs are started, by them, or when it is touched.

What it must take is known: how much there is, who accepts how much of it, and what the platform
charges (samples/platforms/tdx.toml): 60 us for 2 MiB, 500 ns for 4 KiB, 1.5 us for the call.
"""

from collections import Counter
from typing import Final

import pytest

from emu.debug.session import Session
from emu.debug.setup import Options, Setup
from emu.debug.what_if import ApLoad, WayTaken, taken
from emu.debug.what_if_told import as_text
from emu.debug.what_if_ways import BY_NAME, IMAGE
from emu.hw.address import Gpa
from emu.vmm.asked import Tdcall
from tui.__main__ import main

US: Final = 10**6
"""Picoseconds."""
SLICE: Final = US
CALL: Final = 1_500_000
LARGE: Final = 60 * US + CALL
SMALL: Final = CALL + 512 * (500_000 + CALL)
"""The refusal of 2 MiB, and each of its pages."""
CODE: Final = US // 2
"""More than the kernel's own instructions for 2 MiB take: a hundred, at 2 in a ns."""
CPUS: Final = 4
FROM: Final = 0x2000_0000


def found(way: str, mib: int, *, cpus: int = CPUS, small: bool = False) -> tuple[int, int]:
    """(until the last CPU is online, until all is accepted)."""
    one = taken(BY_NAME[way], cpus, ApLoad(0, 0, mib, small), ends=False)
    assert one.accepted is not None
    return one.online.ps, one.accepted.ps


def grown(way: str, *, small: bool = False) -> tuple[int, int]:
    """By how much both grow with 2 MiB more for each CPU."""
    few, many = (found(way, 2 * CPUS * times, small=small) for times in (1, 2))
    return many[0] - few[0], many[1] - few[1]


@pytest.mark.parametrize(("small", "unit"), [(False, LARGE), (True, SMALL)])
def test_what_one_cpu_accepts_takes_the_sum_of_all_prices(small: bool, unit: int) -> None:
    online, accepted = grown("td-accept-first", small=small)
    for one in (online, accepted):
        assert CPUS * unit < one < CPUS * (unit + CODE + (512 * CODE // 8) * small)
    assert online == pytest.approx(accepted, abs=SLICE)


@pytest.mark.parametrize(("small", "unit"), [(False, LARGE), (True, SMALL)])
def test_what_each_cpu_accepts_takes_the_prices_of_its_share(small: bool, unit: int) -> None:
    for one in grown("td-accept-all", small=small):
        assert unit - SLICE < one < unit + CODE + (512 * CODE // 8) * small + SLICE


def test_what_is_accepted_when_it_is_touched_keeps_no_cpu_from_coming_online() -> None:
    online, accepted = grown("td-accept-lazy")
    assert online == pytest.approx(0, abs=SLICE)
    assert accepted == pytest.approx(LARGE, abs=CODE + SLICE)


def test_every_way_tells_both_moments_in_the_order_in_which_they_come() -> None:
    for way, first in (("first", "accepted"), ("all", "accepted"), ("lazy", "online")):
        online, accepted = found(f"td-accept-{way}", 32)
        assert (online < accepted) == (first == "online"), way


def test_the_more_cpus_accept_the_sooner_all_is_accepted() -> None:
    """Of 64 units each has 64 / CPUs; the boot CPU alone has all."""
    for cpus in (2, 4, 8):
        alone = found("td-accept-first", 128, cpus=cpus)[1]
        assert alone == pytest.approx(64 * LARGE, abs=64 * CODE + CALL + SLICE)
        shared = found("td-accept-all", 128, cpus=cpus)[1]
        assert 64 // cpus * LARGE < shared < 64 // cpus * (LARGE + CODE) + cpus * 3 * US


@pytest.mark.parametrize(("level", "calls"), [("2M", 1), ("4K", 513)])
def test_each_cpu_accepts_its_own_share_by_calls_to_the_module(level: str, calls: int) -> None:
    """8 MiB that were made pending by MapGPA: each CPU stores to its own, once it has it."""
    options = Options(
        image=IMAGE, platform="tdx", cpus=3, memory=520, cmdline="accept=all mib=8",
        rules=False,
    )  # fmt: skip
    text = Setup.of(options).platform_text.replace('"2M"', f'"{level}"')
    session = Session(Setup.of(options, text))
    session.do("run")
    board = session.machine.board
    accepts = Counter(
        cpu
        for _, _, cpu, asked, _, _ in board.logs.exits.stored()
        if isinstance(asked, Tdcall) and asked.leaf == 6
    )
    assert accepts == {0: 2 * calls, 1: calls, 2: calls}, "the boot CPU has the fourth as well"
    for unit in range(4):
        at = Gpa(FROM + unit * 0x20_0000)
        assert board.ram.page_states(at, 512) == {"private"}
        hpa = board.ram.hpa(at)
        assert hpa is not None
        assert int.from_bytes(board.memory.read(hpa, 8), "little") == unit


def test_both_moments_are_told_as_text_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    load = ApLoad(0, 0, 8)
    one = taken(BY_NAME["td-accept-lazy"], 2, load, ends=True)
    text = as_text([one], load)
    assert "; 8 MiB to accept" in text
    assert "\ntd-accept-lazy, all accepted" in text
    assert "\ntd-accept-lazy, all accepted, 2 CPUs: " in text
    assert one.accepted is not None
    prices = {end.price: end.high_ps - end.low_ps for end in one.accepted.ends}
    wide = (600 - 30) * US
    assert prices["accept_2m_ns"] == pytest.approx(2 * wide, abs=SLICE), "two units each"
    assert "accept_4k_ns" not in prices
    small = taken(BY_NAME["td-accept-lazy"], 2, ApLoad(0, 0, 8, True), ends=True)
    assert isinstance(small, WayTaken)
    assert small.accepted is not None
    assert {end.price for end in small.accepted.ends} >= {"accept_4k_ns", "tdcall_ns"}
    words = "what-if td-accept-lazy --cpus 2 --accept 8"
    assert main([*words.split(), "--small-pages"]) == 0
    assert "8 MiB to accept in pages of 4 KiB" in capsys.readouterr().out
