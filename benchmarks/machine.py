"""What kind of machine the figures were taken on."""

import os
import platform
from pathlib import Path

from msgspec import Struct


class Machine(Struct, frozen=True):
    """Enough to know whether two sets of figures may be compared."""

    processor: str
    """The model as the kernel names it."""
    processors: int
    system: str
    python: str
    step_us: float
    """One bare step: `emu_start(count=1)` and a register read."""

    def text(self) -> str:
        """One line for people."""
        return (
            f"{self.processor}, {self.processors} processors, {self.system}, "
            f"Python {self.python}, a bare step {self.step_us:.3g} us"
        )


def machine() -> Machine:
    """This machine, as fast as it is now."""
    from statistics import median

    from benchmarks.bare import Bare

    bare = Bare()
    steps = [bare.step_seconds() for _ in range(9)]
    return Machine(
        _model(), os.cpu_count() or 1, f"{platform.system()} {platform.machine()}",
        platform.python_version(), round(1e6 * median(steps), 2),
    )  # fmt: skip


def _model() -> str:
    """The processor's model; the architecture where nobody tells."""
    told = Path("/proc/cpuinfo")
    if told.is_file():
        for line in told.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    return platform.processor() or platform.machine()
