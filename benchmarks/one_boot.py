"""`python -m benchmarks.one_boot PLATFORM CPUS TIMES`: boots in a process of their own.

Prints JSON: the median boot in bare steps (each boot's own, measured around it) and in
processor seconds, and what is wrong, if anything. Nothing is counted that only a first boot
does: see `start` for that.
"""

import sys
from statistics import median
from typing import Any

import msgspec

from benchmarks.bare import Bare
from benchmarks.turns import cpu_seconds
from emu import open_session


def boots(platform: str, cpus: int, times: int) -> dict[str, Any]:
    """Opened and run to the end so many times, after one boot that loads what is needed."""
    bare = Bare()
    complaints = [_one(platform, cpus)]
    steps, seconds = [], []
    for _ in range(times):
        before = bare.step_seconds()
        took = cpu_seconds(lambda: complaints.append(_one(platform, cpus)))
        seconds.append(took)
        steps.append(2 * took / (before + bare.step_seconds()))
    return {"steps": median(steps), "seconds": median(seconds), "wrong": "".join(complaints)}


def _one(platform: str, cpus: int) -> str:
    """Boot once; what went wrong, or nothing."""
    session = open_session(platform=platform, cpus=cpus)
    session.begin("run")
    while session.pump(float("inf")):
        pass
    view = session.view()
    online = sum(cpu.state == "online" for cpu in view.cpus)
    good = view.outcome == "booted" and online == cpus
    return "" if good else f"{view.outcome}, {online} of {cpus} online"


if __name__ == "__main__":
    found = boots(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(msgspec.json.encode(found).decode())
