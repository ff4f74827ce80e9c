"""One way out of the guest and back: what RDTSC and PAUSE cost a CPU that only waits."""

from collections.abc import Iterator
from typing import Final

from benchmarks import inside
from benchmarks.bare import Bare
from benchmarks.row import Row, Target
from benchmarks.turns import cpu_seconds, in_turns
from emu import Session
from tests.guest import Program, boot

NAME: Final = "exit"
DELAY: Final = bytes.fromhex(
    "4883ceff"  # or rsi, -1: a delay that no clock reaches
    "0faee8 0f31"  # lfence; rdtsc
    "48c1e220 4809d0 4889c3"  # shl rdx, 32; or rax, rdx; mov rbx, rax
    "0faee8 0f31"  # the lap: lfence; rdtsc
    "48c1e220 4809d0 4889c1"  # shl rdx, 32; or rax, rdx; mov rcx, rax
    "4829d9 4839f1 7304"  # sub rcx, rbx; cmp rcx, rsi; jae to the HLT
    "f390 ebe5 f4"  # pause; jmp to the lap; hlt
)
"""As Linux's `delay_tsc` does (arch/x86/lib/delay.c): the clock read in order, a PAUSE."""
LAP: Final = 10
"""Instructions of a lap, of which two exit."""
EXITS_OF_A_LAP: Final = 2
EXITS: Final = 10_000
WARM: Final = 2_000
TURNS: Final = 7
QUICK: Final = 10
MOST: Final = Target(most=20 / 6)
"""20 us where a bare step takes 6."""
AT_THE_STOPS: Final = 20
"""Page walks that the two ends of a run may make, where a person looks at the place."""


def rows(quick: bool) -> Iterator[Row]:
    """A CPU that is not put to sleep executes every lap."""
    exits = EXITS // (QUICK if quick else 1)
    session, bare = delaying(), Bare()
    order = f"run {exits // EXITS_OF_A_LAP * LAP}"
    session.do(f"run {WARM * LAP}")
    before = inside.exits(session)
    turns = in_turns(
        lambda: cpu_seconds(lambda: session.do(order)) / exits, bare.step_seconds, TURNS
    )
    awake = inside.exits(session) - before == exits * TURNS
    note = f"RDTSC and PAUSE by turns: {1e6 * turns.mine:.3g} us where a bare step takes " + (
        f"{1e6 * turns.other:.3g}"
    )
    yield Row(NAME, "one exit", turns.ratio, "bare steps", target=MOST, note=note, valid=awake)
    walks = max(inside.page_walks(lambda: session.do(order)) - AT_THE_STOPS, 0)
    note = f"of {exits:,} exits, beside those at the two stops"
    yield Row(NAME, "page walks in Python per exit", walks / exits, "page walks",
              target=Target(most=0.0), note=note)  # fmt: skip


def delaying() -> Session:
    """One CPU of a TD that waits by the clock for ever, before its first instruction."""
    return boot(Program(DELAY, {}), platform="tdx", waiting=False, max_ticks=10**12)
