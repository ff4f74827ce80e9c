"""Random small guests, and the sample's boots, come to the same on every way (tests.ways)."""

import random
from typing import Final

import pytest

from emu import Session, open_session
from tests import shard, ways
from tests.guest import assembled
from tests.small import Small, small

PROGRAMS: Final = 2_000
"""A day."""
CHUNK: Final = 100
PLATFORMS: Final = ("none", "vbs", "tdx", "sipi")
AWAKE: Final = (
    *((name, cpus) for name in ("none", "vbs", "tdx") for cpus in (1, 2, 4)),
    ("sipi", 1),
)
"""On sipi the BSP waits for ten milliseconds of its clock before each SIPI: awake, these are
some million laps."""
GO_EVERY: Final = 40
"""Ticks of a hand-off between two that a day goes to."""
LOOK_EVERY: Final = 400


def failing(one: Small) -> bool:
    """Whether a guest still comes to something else on some way."""
    return bool(ways.differences(one, assembled(one.source)[0]))


@pytest.mark.breadth
@pytest.mark.parametrize("chunk", range(PROGRAMS // CHUNK))
def test_a_small_guest_comes_to_the_same_five_ways(chunk: int) -> None:
    seeds = shard.seeds(PROGRAMS)[chunk * CHUNK : (chunk + 1) * CHUNK]
    guests = [small(seed) for seed in seeds]
    codes = assembled(*(one.source for one in guests))
    for one, code in zip(guests, codes, strict=True):
        found = ways.differences(one, code)
        if found:
            least = ways.shrunk(one, failing)
            pytest.fail(f"seed {one.seed}: {found}\n{least.orders}\n{least.source}")


def _hand_off(session: Session) -> range:
    """The ticks from the first wake-up (or the kernel's entry) to the last arrival."""
    events = session.machine.board.logs.events
    begun = [
        e.tick for e in events if e.kind == "mailbox" and "command" in e.text and e.cpu == 0
    ]
    ended = [e.tick for e in events if e.text == "reaches secondary_online"]
    first = begun[0] if begun else next(e.tick for e in events if "kernel_start" in e.text)
    return range(first - 2, max(ended, default=first + 200) + 2)


def _opened(platform: str, cpus: int) -> Session:
    """A boot of the sample, before its first tick."""
    return open_session(platform=platform, cpus=cpus)


@pytest.mark.breadth
@pytest.mark.parametrize("cpus", [1, 2, 4])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_boot_is_the_same_at_every_tick_of_the_hand_off(platform: str, cpus: int) -> None:
    """Run through, gone to and fro, with a checkpoint at every border and stopped and looked at
    at every tick: at each tick one digest (gone to is another part of them every day)."""
    plain = _opened(platform, cpus)
    ways.run(plain, "run")
    end, ticks = ways.end_of(plain), _hand_off(plain)
    stepped = _opened(platform, cpus)
    stepped.timeline.spacing = 0
    ways.run(stepped, f"run {ticks.start}")
    draw, digests = random.Random(shard.DAY), {}
    for tick in ticks:
        assert stepped.machine.board.tick == tick
        digests[tick] = stepped.digest()
        if tick % LOOK_EVERY == 0:
            ways.look(stepped, draw)
        ways.run(stepped, "run 1")
    ways.run(stepped, "run")
    assert ways.end_of(stepped) == end
    gone_to = list(ticks)[shard.DAY % GO_EVERY :: GO_EVERY]
    draw.shuffle(gone_to)
    for tick in gone_to:
        ways.run(plain, f"goto {tick}")
        assert plain.digest() == digests[tick], f"tick {tick:,}"
    ways.run(plain, "goto end")
    assert ways.end_of(plain) == end


@pytest.mark.breadth
@pytest.mark.parametrize(("platform", "cpus"), AWAKE)
def test_a_boot_without_sleep_comes_to_the_same(platform: str, cpus: int) -> None:
    plain, awake = _opened(platform, cpus), _opened(platform, cpus)
    awake.machine.waits.on = False
    for session in (plain, awake):
        ways.run(session, "run")
    assert (awake.verdict, awake.findings()) == (plain.verdict, ())
    if cpus == 1:
        assert awake.digest() == plain.digest()
