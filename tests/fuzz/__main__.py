"""`python -m tests.fuzz [KIND ...] [--seed S] [--case N] [--cases N] [--jobs N]`: whole runs,
or one case again, shrunk.

A run is cut into pieces, each a process of its own: what one case leaves behind does not reach
far, and the emulator's own crash costs one piece and names its case.
"""

import argparse
import faulthandler
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.fuzz.case import Case, shrunk
from tests.fuzz.kinds import KINDS, Kind
from tests.fuzz.promise import Outcome, peak_kib, tried
from tests.shard import DAY

PIECE: Final = 250
"""Cases of one process."""
HANG_SECONDS: Final = 150
"""Of the processor: after so many for one case a piece is ended where it stands. A guest that
stores to its own code all the time takes 34 on a quiet machine."""
ADDRESS_SPACE: Final = 16 << 30
"""Of a whole piece, so that nothing takes the host down; each case has its own bound."""
CYCLES_EVERY: Final = 50
"""Cases between two collections of cycles, which the program puts off: it has one session."""
SHOWN_MAX: Final = 25


def main(words: Sequence[str]) -> int:
    """Exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--seed", type=int, default=DAY, help="default: the day's number")
    parser.add_argument("--case", type=int, help="only this one: shown, and shrunk if it fails")
    parser.add_argument("--cases", type=int, help="so many of each kind")
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--piece", help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args(words)
    unknown = [name for name in options.kinds if name not in KINDS]
    if unknown:
        parser.error(f"{unknown[0]} is none of {', '.join(KINDS)}")
    kinds = [KINDS[name] for name in options.kinds] or list(KINDS.values())
    if options.piece:
        return _piece(kinds[0], options.seed, options.first, options.cases, Path(options.piece))
    if options.case is not None:
        return _again(kinds[0], options.seed, options.case)
    return _whole(kinds, options.seed, options.cases, options.jobs)


def _guarded() -> Path:
    """This process in a folder of its own, with bounds; returns the folder."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    folder = Path(tempfile.mkdtemp(prefix="apdbg-fuzz-"))
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    os.chdir(folder)
    return folder


def _piece(kind: Kind, seed: int, first: int, count: int, told: Path) -> int:
    """Some cases, one after the other; a line of JSON for each that failed, and one for all."""
    folder = _guarded()
    faulthandler.register(signal.SIGPROF, chain=True)  # and then it ends, by default
    began, became, failures = (
        time.monotonic(),
        dict.fromkeys(("works", "refused", "failed"), 0),
        [],
    )
    worst = 0.0
    for number in range(first, first + count):
        told.write_text(str(number))
        signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
        found = tried(kind, kind.case(seed, number), folder)
        if number % CYCLES_EVERY == 0:
            gc.collect()
        became[found.became] += 1
        worst = max(worst, found.seconds)
        if found.became == "failed":
            failures.append((number, found.where, found.words))
    signal.setitimer(signal.ITIMER_PROF, 0)
    print(json.dumps({
        "became": became, "failures": failures, "worst": worst,
        "seconds": time.monotonic() - began, "peak": peak_kib() >> 10,
    }))  # fmt: skip
    return 0


def _again(kind: Kind, seed: int, number: int) -> int:
    """One case: what becomes of it, and of the least of it that fails in the same way."""
    folder = _guarded()
    case = kind.case(seed, number)
    found = tried(kind, case, folder)
    print(
        f"{kind.name}, seed {seed}, case {number}: {found.became} {found.where}\n{found.words}"
    )
    if found.became != "failed":
        return 0

    def fails(smaller: Case) -> bool:
        return _same(tried(kind, smaller, folder), found)

    least = shrunk(case, fails)
    place = Path(tempfile.gettempdir(), f"apdbg-fuzz-{kind.name}-{seed}-{number}")
    place.write_bytes(kind.data(least))
    print(f"of {least.seed!r}, choice {least.choice}, {len(least.edits)} edits; it is {place}")
    for edit in least.edits:
        print(f"    at {edit.at}, {edit.gone} bytes become {edit.put[:200]!r}")
    return 1


def _same(one: Outcome, other: Outcome) -> bool:
    return (one.became, one.where) == (other.became, other.where)


def _whole(kinds: Sequence[Kind], seed: int, cases: int | None, jobs: int) -> int:
    """All pieces of all kinds, and a table."""
    print(f"seed {seed}; python -m tests.fuzz KIND --seed {seed} --case N shows one case\n")
    print(
        f"{'kind':<12}{'cases':>8}{'works':>8}{'refused':>9}{'failed':>8}{'s':>8}{'worst s':>9}"
        f"{'MiB':>7}"
    )
    bad = 0
    for kind in kinds:
        count = cases or kind.cases
        starts = range(0, count, PIECE)
        with ThreadPoolExecutor(jobs) as pool:
            work = [
                pool.submit(_run, kind.name, seed, first, min(PIECE, count - first))
                for first in starts
            ]
            bad += _row(kind, [one.result() for one in work])
    return 1 if bad else 0


def _run(name: str, seed: int, first: int, count: int) -> dict[str, Any]:
    """One piece as a process."""
    with tempfile.NamedTemporaryFile("r") as told:
        words = (name, "--seed", seed, "--first", first, "--cases", count, "--piece", told.name)
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", *map(str, words)],
            capture_output=True, text=True, check=False, errors="replace",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        try:
            return dict(msgspec.json.decode(done.stdout))
        except msgspec.DecodeError:
            number = int(Path(told.name).read_text() or first)
            why = f"the process ended with {done.returncode}"
            empty = {"works": number - first, "refused": 0, "failed": 1}
            failure = (number, why, done.stderr[-3_000:])
            return {
                "became": empty,
                "failures": [failure],
                "worst": 0.0,
                "seconds": 0.0,
                "peak": 0,
            }


def _row(kind: Kind, found: list[dict[str, Any]]) -> int:
    """One line of the table, and the failures below it; how many there are."""
    sums = {key: sum(one["became"][key] for one in found) for key in found[0]["became"]}
    seconds, worst = sum(one["seconds"] for one in found), max(one["worst"] for one in found)
    peak = max(one["peak"] for one in found)
    print(f"{kind.name:<12}{sum(sums.values()):>8,}{sums['works']:>8,}{sums['refused']:>9,}"
          f"{sums['failed']:>8,}{seconds:>8.0f}{worst:>9.2f}{peak:>7,}",
          flush=True)  # fmt: skip
    kinds: dict[str, list[tuple[int, str]]] = {}
    for number, where, text in (row for one in found for row in one["failures"]):
        kinds.setdefault(where, []).append((number, text))
    for where, rows in list(kinds.items())[:SHOWN_MAX]:
        print(f"    {len(rows)} x {where}: cases {', '.join(str(n) for n, _ in rows[:5])}")
        print("        " + "\n        ".join(rows[0][1].strip().splitlines()[-4:]))
    return sum(map(len, kinds.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
