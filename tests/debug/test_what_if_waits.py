"""CPUs that are parked and wait in one way or another: what starting them takes, and what their
waiting takes, by construction.

Powers: 1 spinning, 0.6 with PAUSE, 0.3 halted and in MWAIT C1, 0.03 in C6, all guesses. Leaving
MWAIT: C1 1 us, C6 290 us (intel_idle, Sapphire Rapids).
"""

from pathlib import Path
from typing import Final

import msgspec
import pytest

from emu import open_session
from emu.boot.platform import platform_text
from emu.debug import recording
from emu.debug.opening import replay_session
from emu.debug.profiling import profile_of
from emu.debug.what_if import ApLoad, WayTaken, taken
from emu.debug.what_if_report import WhatIf, reported
from emu.debug.what_if_told import as_text
from emu.debug.what_if_waits import PARKED_US
from emu.debug.what_if_ways import BY_NAME, PARKED, WAYS
from emu.profile.profile import chosen

US: Final = 10**6
SLICE: Final = US
POWERS: Final = {
    "parked-spin": 1, "parked-pause": 0.6, "parked-hlt": 0.3, "parked-mwait": 0.3,
    "parked-mwait-c6": 0.03,
}  # fmt: skip


def ran(way: str, cpus: int = 4, own: int = 0, ends: bool = False) -> WayTaken:
    return taken(BY_NAME[way], cpus, ApLoad(own), ends=ends)


@pytest.mark.parametrize("way", POWERS)
def test_waiting_takes_its_power_for_as_long_as_it_lasts(way: str) -> None:
    found = ran(way).waited
    assert found is not None
    assert found.parked_us == pytest.approx(PARKED_US, abs=2)
    assert found.waiting == pytest.approx(POWERS[way] * found.parked_us, rel=0.005)


def test_what_leaving_takes_is_in_the_time_and_in_what_is_spent() -> None:
    spin, light, deep = (ran(way) for way in ("parked-spin", "parked-mwait", "parked-mwait-c6"))
    assert light.ps - spin.ps == pytest.approx(1 * US, abs=SLICE)
    assert deep.ps - spin.ps == pytest.approx(290 * US, abs=SLICE)
    assert light.waited is not None and deep.waited is not None
    assert light.waited.late == pytest.approx(1, abs=0.5)
    assert deep.waited.late == pytest.approx(290, abs=0.5)


def test_who_halts_is_sent_an_interrupt_which_costs_the_sender_exits() -> None:
    """RDMSR of the APIC's mode and the write of the ICR: two exits of 1 us for each AP."""
    some, more = ran("parked-hlt", 4), ran("parked-hlt", 9)
    assert more.ps - some.ps == pytest.approx(5 * 2 * US, abs=SLICE)
    assert ran("parked-spin", 9).ps - ran("parked-spin", 4).ps < SLICE


@pytest.mark.parametrize("way", POWERS)
def test_what_an_ap_does_behind_its_wait_is_paid_once(way: str) -> None:
    assert ran(way, own=300).ps - ran(way, own=100).ps == pytest.approx(200 * US, abs=SLICE)


def test_the_price_of_leaving_moves_it() -> None:
    found = ran("parked-mwait-c6", 2, ends=True)
    ends = {end.price: end for end in found.ends}
    assert "mwait_c1_ns" not in ends
    end = ends["mwait_c6_ns"]
    assert (end.high_ps - end.low_ps) == pytest.approx((290 - 128) * US, abs=SLICE)


def test_a_recording_of_such_a_boot_has_the_same_profile(tmp_path: Path) -> None:
    platform = tmp_path / "mine.toml"
    platform.write_text(f'mwait = ["C1", "C6"]\n{platform_text("linux")}')
    live = open_session(
        "samples/waits/bzImage", platform=str(platform), cpus=3,
        cmdline="wait=mwait-c6 parked=10 start=parallel",
    )  # fmt: skip
    live.do("run")
    end, digest = live.timeline.now, live.digest()
    for tick in (end.tick - 100, end.tick // 2, end.tick - 700):
        live.do(f"goto {tick}")
    live.do("goto end")
    assert live.digest() == digest
    live.do(f"save {tmp_path / 'x'}")
    again, _ = replay_session(recording.read(tmp_path / "x"))
    assert again.digest() == digest
    names = ["energy", "critical", "waterfall"]
    assert profile_of(again.desk, chosen(names)) == profile_of(live.desk, chosen(names))


def test_they_are_told_and_asked_for_by_name() -> None:
    assert {way.name for way in PARKED} == POWERS.keys()
    assert not {way.name for way in WAYS} & POWERS.keys()
    found = [ran("parked-hlt"), ran("mailbox")]
    text = as_text(found, ApLoad())
    assert "parked-hlt, 4 CPUs: an AP that is parked for 101 us spends 30." in text
    assert "hlt_wake_ns" in text and "mailbox, 4 CPUs: an AP" not in text
    report = msgspec.json.decode(msgspec.json.encode(reported(found, ApLoad())), type=WhatIf)
    assert report.ways[0].waited == found[0].waited and report.ways[1].waited is None
