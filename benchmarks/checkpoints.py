"""What a checkpoint costs late in a long run beside early in it, and what going back costs."""

from collections.abc import Iterator
from statistics import mean, median
from typing import Final

from benchmarks import inside
from benchmarks.bare import Bare
from benchmarks.machine import memory_mb
from benchmarks.row import Row, Target
from benchmarks.turns import cpu_seconds, of_pairs
from emu import Session, open_session
from tests.guest import Program, boot

NAME: Final = "checkpoints"
BYTE: Final = 499
"""Instructions to a byte of text."""
CHATTY: Final = bytes.fromhex(
    "bb00004200"  # mov ebx, SHARED
    "66baf803"  # mov dx, 0x3f8
    "b9a5000000"  # another byte: mov ecx, 165
    "0103 ffc9 75fa"  # add [rbx], eax; dec ecx; jnz to the add
    "ffc0 ee ebf0"  # inc eax; out dx, al; jmp to another byte
)
"""A CPU that computes and says a byte of text every 499 instructions, a line every 256."""
MARKS: Final = (10_000_000, 100_000_000, 500_000_000)
"""Instructions after which checkpoints are looked at: by the last, a megabyte of text."""
STRETCH: Final = 5_000_000
"""Instructions over which they are looked at, ending there."""
QUICK: Final = 50
"""A quick run is so many times shorter."""
MEMORY_MB: Final = 2_000
"""Of this program: beyond it a long run is given up."""
GROWTH: Final = Target(most=1.2, ratio=True)
CPUS: Final = 16
PAGES: Final = range(15, 30)
"""Dirty pages, twenty in the middle: who has fewer or more is passed over."""
ROUNDS: Final = 9
RESTORE: Final = Target(most=0.2e3 / 6)
"""Bare steps: 0.2 ms where one takes 6 us."""


def rows(quick: bool) -> Iterator[Row]:
    """A checkpoint put back, then a run of half a milliard instructions."""
    yield _restore(1 if quick else ROUNDS)  # first, while memory is small
    yield from _growth(QUICK if quick else 1)


def _growth(less: int) -> Iterator[Row]:
    """The checkpoints of the last stretch before each mark beside those before the first."""
    session = boot(Program(CHATTY, {}), max_ticks=10**12)
    clock, bare = inside.CheckpointClock(session), Bare()
    early = None
    for mark in MARKS:
        what = f"{mark // less / 1e6:,.3g} M instructions: one checkpoint"
        if not _run_to(session, clock, mark // less, STRETCH // less):
            done = session.view().tick
            note = f"given up after {done / 1e6:,.0f} M: {memory_mb():,.0f} MB of memory"
            yield Row(NAME, what, 0.0, "bare steps", target=GROWTH, note=note, valid=False)
            return
        found = mean(clock.seconds) / bare.step_seconds(), mean(clock.bytes) / 1e3
        if early is None:
            early = found
            continue
        beside = f"at {MARKS[0] // less / 1e6:,.3g} M"
        note = f"mean of {len(clock.seconds):,}, {mark // less // BYTE / 1e3:,.0f} KB of text"
        yield Row(NAME, what, found[0], "bare steps", beside, early[0], GROWTH, note)
        yield Row(NAME, f"{what}'s memory", found[1], "KB", beside, early[1], GROWTH)


def _run_to(session: Session, clock: inside.CheckpointClock, mark: int, stretch: int) -> bool:
    """Run to a mark, the clock reset a stretch before it; False where memory ran out."""
    while (done := session.view().tick) < mark:
        if memory_mb() > MEMORY_MB:
            return False
        clock.seconds.clear()
        clock.bytes.clear()
        ahead = mark - done
        session.do(f"run {ahead if ahead <= stretch else min(stretch, ahead - stretch)}")
    return True


def _restore(rounds: int) -> Row:
    """From shortly before each checkpoint of a boot back to the one before."""
    session, bare = open_session(platform="tdx", cpus=CPUS), Bare()
    session.do("run")
    found: list[tuple[float, float]] = []
    pages: list[int] = []
    for tick in inside.borders(session)[1:] * rounds:
        session.do(f"goto {tick - 1}")
        back, dirty = inside.restore(session)
        if dirty in PAGES:
            found.append((cpu_seconds(back), bare.step_seconds(500)))
            pages.append(dirty)
    turns = of_pairs(found)
    note = f"{1e3 * turns.mine:.3g} ms, median of {len(found)}, {median(pages):.0f} dirty pages"
    what = f"tdx, {CPUS} cpus: put back, some 20 dirty pages"
    return Row(NAME, what, turns.ratio, "bare steps", target=RESTORE, note=note)
