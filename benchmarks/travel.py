"""Going back: reverse steps, `goto`, last writers, and what all that costs a forward run."""

import random
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.row import Row, Target, seconds

if TYPE_CHECKING:
    from emu import Session

NAME: Final = "travel"
PLATFORMS: Final = ("tdx", "vbs", "sipi")
CPUS: Final = 16
SAMPLES: Final = 200
QUESTIONS: Final = 40
TABLES_EXIST: Final = 0.4
"""From this share of a boot on every place that is asked about exists."""
LONG_TICKS: Final = 100_000_000
LONG_SAMPLES: Final = 50
QUICK: Final = 5
"""A quick run takes so many times fewer samples."""
FORWARD_TIMES: Final = 5
"""Boots with and without checkpoints, in turns; the best of each counts."""


def rows(quick: bool) -> Iterator[Row]:
    """The sample's whole boot on every platform, then a long loop, then QEMU."""
    less = QUICK if quick else 1
    for platform in PLATFORMS:
        yield from _boot(platform, less)
    for cpus in (1, 4):
        yield from _long(cpus, less)
    yield from _qemu()


def p95(times: list[float]) -> float:
    """The time below which 95 of 100 stay, in seconds."""
    return sorted(times)[int(len(times) * 0.95)]


def _sampled(
    session: "Session", times: int, order: Callable[[random.Random], str], first: float = 0.0
) -> list[float]:
    """How long a command took at random moments, from a share of the run on; going there is
    not counted."""
    dice = random.Random(times)
    end = session.timeline.end.tick
    found = []
    for _ in range(times):
        session.do(f"goto {dice.randrange(1 + int(end * first), end)}")
        words = order(dice)
        found.append(seconds(lambda words=words: session.do(words)))  # type: ignore[misc]
    return found


def _boot(platform: str, less: int) -> Iterator[Row]:
    session, plain, travelling = _forward(platform)
    what = f"{platform}, {CPUS} cpus"
    ratio = travelling / plain
    yield Row(
        NAME, f"{what}: forward run", travelling, "s", "without checkpoints", plain,
        Target(most=plain * 1.15), f"overhead {100 * (ratio - 1):+.1f} %",
    )  # fmt: skip
    used = session.timeline.bytes_used / 1e6
    yield Row(NAME, f"{what}: checkpoints", used, "MB", target=Target(most=256.0))
    times = _sampled(session, SAMPLES // less, lambda _: "reverse-step any")
    yield _row(f"{what}: reverse-step p95", times, 0.030, travelling)
    end = session.timeline.end.tick
    times = _sampled(session, SAMPLES // less, lambda dice: f"goto {dice.randrange(end)}")
    yield _row(f"{what}: goto p95", times, 0.150, travelling)
    times = _sampled(session, QUESTIONS // less, _question, TABLES_EXIST)
    yield _row(f"{what}: last-writer p95", times, 0.500, travelling)


def _row(what: str, times: list[float], most: float, whole: float) -> Row:
    note = f"median {1e3 * statistics.median(times):.1f} ms of {len(times)}"
    return Row(NAME, what, p95(times), "s", "running it again", whole, Target(most=most), note)


def _forward(platform: str) -> tuple["Session", float, float]:
    """A booted session, and the best times without and with checkpoints."""
    from emu import open_session

    plain, travelling = [], []
    for _ in range(FORWARD_TIMES):
        session = open_session(platform=platform, cpus=CPUS)
        session.timeline.enabled = False
        plain.append(seconds(lambda s=session: s.do("run")))  # type: ignore[misc]
        session = open_session(platform=platform, cpus=CPUS)
        travelling.append(seconds(lambda s=session: s.do("run")))  # type: ignore[misc]
    return session, min(plain), min(travelling)


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
    from benchmarks import guest
    from emu import open_session

    with tempfile.TemporaryDirectory() as folder:
        image = str(guest.write_image(Path(folder, "memory.elf"), guest.MEMORY))
        session = open_session(image, platform="sipi", cpus=cpus, kernel=image)
        count = LONG_TICKS // less
        took = seconds(lambda: session.do(f"run {count}"))
        times = _sampled(session, LONG_SAMPLES // less, lambda _: "reverse-step any")
        what = f"{count // 1_000_000} M instructions, {cpus} cpus"
        yield _row(f"{what}: reverse-step p95", times, 0.100, took)
        used = session.timeline.bytes_used / 1e6
        yield Row(NAME, f"{what}: checkpoints", used, "MB", target=Target(most=256.0))


def _qemu() -> Iterator[Row]:
    """One reverse step asked of QEMU's record and replay, which knows one CPU."""
    from benchmarks import qemu_reverse
    from emu import open_session

    if not qemu_reverse.installed():
        return
    with tempfile.TemporaryDirectory() as folder:
        answer, took = qemu_reverse.reverse_step(Path(folder))
    session = open_session(cpus=1)
    session.do("run")
    mine = statistics.median(_sampled(session, LONG_SAMPLES, lambda _: "reverse-step any"))
    answered = answer.startswith("T05")
    yield Row(
        NAME, "1 cpu: reverse-step, median", mine, "s", "QEMU rr + gdbstub",
        took if answered else None, note="" if answered else f"QEMU answered {answer}",
    )  # fmt: skip
