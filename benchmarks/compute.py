"""A loop that computes, run through the session with the boot's milestones on: M ips."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import guest
from benchmarks.bare import Bare
from benchmarks.row import Row, Target
from benchmarks.turns import cpu_seconds, in_turns
from emu import open_session

NAME: Final = "compute"
INSTRUCTIONS: Final = 20_000_000
"""Of each turn."""
QUICK: Final = 5
"""A quick run takes so many times fewer instructions."""
WARM: Final = 2_000_000
"""Enough to wake the other CPUs and to translate everything."""
TURNS: Final = 5
CASES: Final = ((1, Target(least=0.75, ratio=True)), (4, Target(least=0.5, ratio=True)))
"""Number of CPUs, and what of the bare emulator's speed is left for the guest."""
LOOPS: Final = {"registers": guest.REGISTERS, "memory": guest.MEMORY}


def rows(quick: bool) -> Iterator[Row]:
    """One CPU alone, and four whose turns are interleaved; two kinds of loop."""
    count = INSTRUCTIONS // (QUICK if quick else 1)
    for cpus, target in CASES:
        for name in LOOPS:
            yield _row(name, cpus, target, count)


def _row(name: str, cpus: int, target: Target, count: int) -> Row:
    """A breakpoint stands where no CPU comes by; every CPU has to have had its turns."""
    with tempfile.TemporaryDirectory() as folder:
        image = guest.write_image(Path(folder, "loop.elf"), LOOPS[name])
        session = open_session(str(image), platform="sipi", cpus=cpus)
    session.do(f"break {session.view().cpus[0].rip + guest.NEVER_OFFSET:#x}")
    bare = Bare(LOOPS[name])
    bare.run(WARM)
    start = session.do(f"run {WARM}").whole()
    turns = in_turns(
        lambda: count / 1e6 / cpu_seconds(lambda: session.do(f"run {count}")),
        lambda: count / 1e6 / cpu_seconds(lambda: bare.run(count)),
        TURNS,
    )
    end = session.view()
    by_cpu = [b.ticks - a.ticks for a, b in zip(start.cpus, end.cpus, strict=True)]
    done = end.tick - start.tick == count * TURNS
    fair = done and min(by_cpu) > count * TURNS // cpus // 2
    what = f"{name}, {cpus} cpu{'s interleaved' if cpus > 1 else ''}"
    note = "one breakpoint, milestones on" if fair else f"instructions by CPU: {by_cpu}"
    return Row.of_turns(NAME, what, turns, "M ips", "Unicorn, counted", target=target,
                        note=note, valid=fair)  # fmt: skip
