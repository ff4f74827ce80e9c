"""What kind of machine the figures were taken on, and how much of its memory is used."""

import os
import platform
import resource
from pathlib import Path
from statistics import median

from msgspec import Struct

from benchmarks.process import RSS_UNIT


class Machine(Struct, frozen=True):
    """Enough to know whether two sets of figures may be compared."""

    processor: str
    """The model as the kernel names it."""
    processors: int
    system: str
    python: str
    step_us: float
    """One bare step: `emu_start(count=1)` and a register read."""
    load: float | None = None
    """Programs that wanted a processor over the last five minutes, the benchmark among them:
    about one where the machine was quiet. None where nobody told."""

    def text(self) -> str:
        """One line for people."""
        load = "" if self.load is None else f", load {self.load:.1f}"
        return (
            f"{self.processor}, {self.processors} processors, {self.system}, "
            f"Python {self.python}, a bare step {self.step_us:.3g} us{load}"
        )


def machine() -> Machine:
    """This machine, as fast as it is now."""
    from benchmarks.bare import Bare

    bare = Bare()
    steps = [bare.step_seconds() for _ in range(9)]
    return Machine(
        _model(), os.cpu_count() or 1, f"{platform.system()} {platform.machine()}",
        platform.python_version(), round(1e6 * median(steps), 2), round(os.getloadavg()[1], 1),
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


def memory_mb() -> float:
    """Resident memory of this program in 10^6 bytes: now, or at its peak where nobody tells."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmRSS"].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6
