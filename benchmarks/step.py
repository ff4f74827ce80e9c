"""Single steps a second through the session, beside bare Unicorn and QEMU's gdbstub."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.row import Row, Target
from benchmarks.turns import in_turns, seconds

NAME: Final = "step"
CPUS: Final = 4
STEPS: Final = 30_000
ALONE: Final = 1_000
"""Commands of one step each, every one answered with a view of the whole machine."""
STEPS_QEMU: Final = 2_000
TURNS: Final = 5
QUICK: Final = 10
"""A quick run takes so many times fewer steps."""
WARM: Final = 200
BULK: Final = Target(least=0.70, ratio=True)
UNREAD: Final = Target(least=0.05, ratio=True)
WHOLE: Final = Target(least=0.012, ratio=True)


def rows(quick: bool) -> Iterator[Row]:
    """The real shim by one command and by many, and a loop beside QEMU."""
    from benchmarks import qemu
    from benchmarks.bare import Bare
    from benchmarks.picture import read_whole

    less = QUICK if quick else 1
    steps, alone = STEPS // less, ALONE // less
    bare = Bare()

    def beside() -> float:
        return 1 / bare.step_seconds(steps)

    cases = (
        (f"`step 0 {steps:_}`", steps, 1, lambda _: None, BULK),
        (f"{alone:,} x `step 0 1`, the picture not read", 1, alone, lambda _: None, UNREAD),
        (f"{alone:,} x `step 0 1`, the picture read whole", 1, alone, read_whole, WHOLE),
    )
    for what, count, times, look, target in cases:
        turns = in_turns(partial(rate, count, times, look), beside, TURNS)
        yield Row.of_turns(
            NAME, f"shim, tdx, {CPUS} cpus: {what}", turns, "steps/s", "Unicorn, count=1",
            target=target,
        )  # fmt: skip
    if qemu.installed():
        yield _beside_qemu(less)


def rate(
    count: int, times: int, look: Callable[[object], object] = lambda _: None,
    image: str | None = None, platform: str = "tdx",
    clock: Callable[[], float] = time.process_time,
) -> float:  # fmt: skip
    """Steps a second of a new session's CPU 0: a command of `count` steps, so many times."""
    from emu import open_session

    session = open_session(image, platform=platform, cpus=CPUS)
    order = f"step 0 {count}"
    session.do(f"step 0 {WARM}")
    began = clock()
    for _ in range(times):
        look(session.do(order))
    took = clock() - began
    assert session.view().tick == WARM + count * times, "CPU 0 stopped on its way"
    return count * times / took


def _beside_qemu(less: int) -> Row:
    """Time on the wall, since QEMU is another process."""
    from benchmarks import guest, qemu

    steps, count = STEPS // less, STEPS_QEMU // less
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = str(guest.write_image(folder / "loop.elf", guest.MEMORY))
        with qemu.Stub(qemu.write_rom(folder / "loop.rom")) as stub:
            stub.step(10)
            turns = in_turns(
                lambda: rate(steps, 1, image=image, platform="sipi", clock=time.perf_counter),
                lambda: count / seconds(lambda: stub.step(count)),
                TURNS,
            )
    note = "QEMU: three instructions in real mode"
    what = f"loop, sipi, {CPUS} cpus: `step 0 {steps:_}`"
    return Row.of_turns(NAME, what, turns, "steps/s", "QEMU gdbstub", note=note)
