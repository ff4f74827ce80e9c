"""Single steps a second through the session, beside bare Unicorn and QEMU's gdbstub."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.row import Row, Target, seconds

NAME: Final = "steps"
STEPS: Final = 30_000
TIMES: Final = 3
STEPS_ALONE: Final = 1_000
"""Commands of one step each, every one answered with a view of the whole machine."""
STEPS_QEMU: Final = 2_000
QUICK: Final = 10
"""A quick run takes so many times fewer steps."""
TARGET: Final = Target(least=60_000)


def rows(quick: bool) -> Iterator[Row]:
    """The loop of `guest`, then the real shim, each by one command and by many."""
    from benchmarks import guest, qemu
    from benchmarks.bare import Bare

    less = QUICK if quick else 1
    engine = Bare(guest.MEMORY)
    bare = STEPS // less / seconds(lambda: engine.step(STEPS // less), TIMES)
    with tempfile.TemporaryDirectory() as folder:
        image = guest.write_image(Path(folder, "loop.elf"), guest.MEMORY)
        yield from _session("loop", str(image), "sipi", less, bare)
        yield from _session("shim", "samples/shim.elf", "tdx", less, bare)
        if qemu.installed():
            yield from _beside_qemu(Path(folder), str(image), less)


def _session(what: str, image: str, platform: str, less: int, bare: float) -> Iterator[Row]:
    one, many = STEPS // less, STEPS_ALONE // less
    beside = ("Unicorn, count=1", bare)
    rate = _rate(image, platform, one, 1)
    yield Row(NAME, f"{what}: `step 0 {one:_}`", rate, "steps/s", *beside, TARGET)
    rate = _rate(image, platform, 1, many)
    note = "each with a view of the machine"
    yield Row(NAME, f"{what}: {many:,} x `step 0 1`", rate, "steps/s", *beside, note=note)


def _rate(image: str, platform: str, count: int, times: int) -> float:
    """Steps a second of a session's CPU 0: a command of `count` steps, so many times."""
    from emu import open_session

    session = open_session(image, platform=platform, cpus=4)
    order = f"step 0 {count}"
    session.do("step 0 100")
    took = seconds(lambda: [session.do(order) for _ in range(times)], TIMES)
    assert session.view().tick == 100 + count * times * TIMES, "CPU 0 stopped on its way"
    return count * times / took


def _beside_qemu(folder: Path, image: str, less: int) -> Iterator[Row]:
    from benchmarks import qemu

    count = STEPS_QEMU // less
    with qemu.Stub(qemu.write_rom(folder / "loop.rom")) as stub:
        stub.step(10)
        stepped = count / seconds(lambda: stub.step(count), TIMES)
    rate = _rate(image, "sipi", STEPS // less, 1)
    note = "QEMU: three instructions in real mode"
    yield Row(NAME, "loop", rate, "steps/s", "QEMU gdbstub", stepped, note=note)
