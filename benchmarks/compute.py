"""A loop that computes, run through the session with one breakpoint set: M ips."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.row import Row, Target, seconds

NAME: Final = "compute"
INSTRUCTIONS: Final = 100_000_000
QUICK: Final = 10
"""A quick run takes so many times fewer instructions."""
WARM: Final = 2_000_000
"""Enough to wake the other CPUs and to translate everything."""
TIMES: Final = 3
"""Both are measured so often, in turns, and the best time counts: others use the machine."""
CASES: Final = ((1, Target(least=40.0)), (4, Target(least=10.0)))
"""Number of CPUs, and million instructions a second of the loop without memory."""


def rows(quick: bool) -> Iterator[Row]:
    """One CPU alone, and four whose turns are interleaved; two kinds of loop."""
    from benchmarks import guest

    count = INSTRUCTIONS // (QUICK if quick else 1) // TIMES
    with tempfile.TemporaryDirectory() as folder:
        for cpus, target in CASES:
            image = guest.write_image(Path(folder, "registers.elf"), guest.REGISTERS)
            yield _row("registers", str(image), guest.REGISTERS, cpus, target, count)
            image = guest.write_image(Path(folder, "memory.elf"), guest.MEMORY)
            yield _row("memory", str(image), guest.MEMORY, cpus, Target(), count)


def _row(name: str, image: str, loop: bytes, cpus: int, target: Target, count: int) -> Row:
    """A breakpoint stands where no CPU comes by; every CPU has to have had its turns.

    The image is its own kernel: the sample kernel would bring milestones, each a hook.
    """
    from benchmarks.bare import Bare
    from benchmarks.guest import NEVER_OFFSET
    from emu import open_session

    session = open_session(image, platform="sipi", cpus=cpus, kernel=image)
    session.do(f"break {session.view().cpus[0].rip + NEVER_OFFSET:#x}")
    bare = Bare(loop)
    bare.run(WARM)
    start = session.do(f"run {WARM}")
    times = [
        (seconds(lambda: session.do(f"run {count}")), seconds(lambda: bare.run(count)))
        for _ in range(TIMES)
    ]
    end = session.view()
    turns = [b.ticks - a.ticks for a, b in zip(start.cpus, end.cpus, strict=True)]
    done = end.tick - start.tick == count * TIMES
    fair = done and min(turns) > count * TIMES // cpus // 2
    what = f"{name}, {cpus} cpu{'s interleaved' if cpus > 1 else ''}"
    mine, other = (count / min(column) / 1e6 for column in zip(*times, strict=True))
    note = "one breakpoint, no milestones" if fair else f"instructions by CPU: {turns}"
    return Row(NAME, what, mine, "M ips", "Unicorn, counted", other, target, note, fair)
