"""Runs a command as a person would from the shell: times, peak memory, what it printed."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[1]
IMAGE: Final = "samples/shim.elf"
WALL_MAX_S: Final = 600.0
"""A command is ended after this."""
RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024
"""ru_maxrss is in bytes on macOS and in KiB elsewhere."""


class Finished(Struct, frozen=True):
    """A command that has ended."""

    code: int
    wall_s: float
    cpu_s: float
    """Of all its threads, the kernel's part too."""
    peak_mb: float
    """Peak resident memory in 10^6 bytes. On Linux never below that of whoever started it,
    so the starter keeps small: it imports no part of apdbg before."""
    output: bytes


def run(*words: str, root: Path = ROOT, cache: str = "") -> Finished:
    """Run this Python with the given arguments from the top of a tree of the project.

    `cache`: a folder for compiled modules, so that a second start compiles nothing even where
    the environment says that none be written.
    """
    environment = {**os.environ, "PYTHONPATH": str(root)}
    if cache:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = cache
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words], stdout=output, cwd=root, env=environment
        )
        limit = threading.Timer(WALL_MAX_S, process.kill)
        limit.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            process.kill()
            raise
        finally:
            limit.cancel()
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        peak = usage.ru_maxrss * RSS_UNIT / 1e6
        return Finished(process.returncode, wall, cpu, peak, output.read())


def boot(
    platform: str, cpus: int, cmdline: str = "", root: Path = ROOT, cache: str = ""
) -> tuple[Finished, dict[str, Any]]:
    """`apdbg run --json` of the sample shim; the report is empty where there is none."""
    words = ["-m", "tui", "run", IMAGE, "--json", "--platform", platform, "--cpus", str(cpus)]
    finished = run(*words, "--cmdline", cmdline, root=root, cache=cache)
    return finished, report_of(finished)


def report_of(finished: Finished) -> dict[str, Any]:
    """The JSON that a command printed; empty where it printed none."""
    try:
        report: dict[str, Any] = msgspec.json.decode(finished.output)
    except msgspec.DecodeError:
        report = {}
    return report


def complaint(report: dict[str, Any], cpus: int) -> str:
    """What is wrong with a boot, or nothing: every CPU has to be online at its end."""
    if not report:
        return "no report: it failed, or was ended after its time"
    online = sum(cpu["state"] == "online" for cpu in report["cpus"])
    if report["outcome"] != "booted" or online != cpus:
        return f"{report['outcome']}, {online} of {cpus} online: {report['reason']}"
    return ""
