"""Going back: reverse steps, `goto`, last writers, and what all that costs a forward run."""

import random
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import guest, qemu_reverse
from benchmarks.bare import Bare
from benchmarks.row import Row, Target
from benchmarks.turns import cpu_seconds, in_turns, p95, seconds
from emu import Session, open_session

NAME: Final = "travel"
PLATFORMS: Final = ("tdx", "vbs", "sipi")
CPUS: Final = 16
FEW, MANY = 4, 1024
SAMPLES: Final = 200
SAMPLES_MANY: Final = 60
QUESTIONS: Final = 40
TABLES_EXIST: Final = 0.4
"""From this share of a boot on every place that is asked about exists."""
LONG_TICKS: Final = 100_000_000
LONG_SAMPLES: Final = 50
QUICK: Final = 5
"""A quick run takes so many times fewer samples."""
FORWARD_TURNS: Final = 5
"""Boots with and without checkpoints."""
REVERSE: Final = Target(most=4_000)
GOTO: Final = Target(most=25_000)
WRITER: Final = Target(most=83_000)
LONG: Final = Target(most=17_000)
"""Bare steps; at 6 us each some 150, 500 and 100 ms."""
FORWARD: Final = Target(most=1.15, ratio=True)
CROWD: Final = Target(most=20.0, ratio=True)
ROOM: Final = Target(most=256.0)
BARE: Final = 400
"""Bare steps after each sample: how fast the machine was then."""


def rows(quick: bool) -> Iterator[Row]:
    """The sample's whole boot on every platform, many CPUs, a long loop, then QEMU."""
    less = QUICK if quick else 1
    for platform in PLATFORMS:
        yield from _boot(platform, less)
    if not quick:
        yield _crowd()
    for cpus in (1, 4):
        yield from _long(cpus, less)
    yield from _qemu()


def sampled(
    session: Session, times: int, order: Callable[[random.Random], str], first: float = 0.0
) -> list[float]:
    """Bare steps that a command took at random moments, from a share of the run on; going
    there is not counted."""
    dice, bare = random.Random(times), Bare()
    end = session.timeline.end.tick
    found = []
    for _ in range(times):
        session.do(f"goto {dice.randrange(1 + int(end * first), end)}")
        words = order(dice)
        took = cpu_seconds(partial(session.do, words))
        found.append(took / bare.step_seconds(BARE))
    return found


def _boot(platform: str, less: int) -> Iterator[Row]:
    """Forward, then three ways back."""
    turns = in_turns(
        lambda: _forward(platform, True), lambda: _forward(platform, False), FORWARD_TURNS
    )
    what = f"{platform}, {CPUS} cpus"
    yield Row.of_turns(NAME, f"{what}: forward run", turns, "s", "without checkpoints",
                       target=FORWARD)  # fmt: skip
    session = open_session(platform=platform, cpus=CPUS)
    session.do("run")
    used = session.timeline.bytes_used / 1e6
    yield Row(NAME, f"{what}: checkpoints", used, "MB", target=ROOM)
    steps = sampled(session, SAMPLES // less, lambda _: "reverse-step any")
    yield _row(f"{what}: reverse-step p95", steps, REVERSE)
    end = session.timeline.end.tick
    steps = sampled(session, SAMPLES // less, lambda dice: f"goto {dice.randrange(end)}")
    yield _row(f"{what}: goto p95", steps, GOTO)
    steps = sampled(session, QUESTIONS // less, _question, TABLES_EXIST)
    yield _row(f"{what}: last-writer p95", steps, WRITER)


def _row(what: str, steps: list[float], target: Target) -> Row:
    note = f"median {statistics.median(steps):,.0f} of {len(steps)}"
    return Row(NAME, what, p95(steps), "bare steps", target=target, note=note)


def _forward(platform: str, enabled: bool) -> float:
    """Processor seconds of a boot with checkpoints or without."""
    session = open_session(platform=platform, cpus=CPUS)
    session.timeline.enabled = enabled
    return cpu_seconds(lambda: session.do("run"))


def _crowd() -> Row:
    """A reverse step among a thousand CPUs beside one among a few."""
    found = []
    for cpus in (MANY, FEW):
        session = open_session(platform="tdx", cpus=cpus)
        session.do("run")
        found.append(p95(sampled(session, SAMPLES_MANY, lambda _: "reverse-step any")))
    return Row(NAME, f"tdx, {MANY:,} cpus: reverse-step p95", found[0], "bare steps",
               f"{FEW} cpus", found[1], CROWD)  # fmt: skip


def _question(dice: random.Random) -> str:
    """Who wrote a register, the mailbox, a stack's bytes or an entry of a table last?"""
    cpu = dice.randrange(CPUS)
    place = dice.choice((
        f"cpu0:{dice.choice(('rax', 'rbx', 'rsp', 'rdi', 'r12'))}",
        f"cpu{cpu}:{dice.choice(('rax', 'rsp', 'rflags'))}",
        f"mailbox.{dice.choice(('command', 'apic_id', 'vector'))}",
        f"gpa:{0x8400000 + 8 * dice.randrange(0x8000):#x}/8",
        f"npt:{0x8000000 + 0x1000 * dice.randrange(0x800):#x}",
    ))  # fmt: skip
    return f"last-writer {place}"


def _long(cpus: int, less: int) -> Iterator[Row]:
    """A run of a hundred million instructions, with stores."""
    with tempfile.TemporaryDirectory() as folder:
        image = str(guest.write_image(Path(folder, "memory.elf"), guest.MEMORY))
        session = open_session(image, platform="sipi", cpus=cpus, kernel=image)
    count = LONG_TICKS // less
    session.do(f"run {count}")
    steps = sampled(session, LONG_SAMPLES // less, lambda _: "reverse-step any")
    what = f"{count // 1_000_000} M instructions, {cpus} cpus"
    yield _row(f"{what}: reverse-step p95", steps, LONG)
    used = session.timeline.bytes_used / 1e6
    yield Row(NAME, f"{what}: checkpoints", used, "MB", target=ROOM)


def _qemu() -> Iterator[Row]:
    """One reverse step asked of QEMU's record and replay, which knows one CPU: on the wall."""
    if not qemu_reverse.installed():
        return
    with tempfile.TemporaryDirectory() as folder:
        answer, took = qemu_reverse.reverse_step(Path(folder))
    session, dice = open_session(cpus=1), random.Random(1)
    session.do("run")
    times = []
    for _ in range(LONG_SAMPLES):
        session.do(f"goto {dice.randrange(1, session.timeline.end.tick)}")
        times.append(seconds(lambda: session.do("reverse-step any")))
    answered = answer.startswith("T05")
    yield Row(
        NAME, "1 cpu: reverse-step, median", statistics.median(times), "s",
        "QEMU rr + gdbstub", took if answered else None,
        note="" if answered else f"QEMU answered {answer}",
    )  # fmt: skip
