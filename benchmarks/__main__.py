"""`python -m benchmarks`: measure, print a table (or JSON), exit 1 where a target is missed.

With --against it compares two commits; with --write it writes docs/performance.md, of which
`--write --within 6` takes as much anew as six minutes allow, the oldest figures first.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from benchmarks import compare, history
from benchmarks.machine import Machine, machine
from benchmarks.other_tree import NoTreeError
from benchmarks.row import Row, table

NAMES: Final = (
    "start", "opening", "boot", "screen", "virtual", "step", "exit", "compute", "checkpoints",
    "travel", "breakpoints", "locks", "rules", "schedules", "linux",
)  # fmt: skip
"""Files of this package with `rows`; each is loaded when its turn comes, so that a commit that
lacks what one needs can still be measured by the others. First those that only start other
processes: see `process.Finished.peak_mb`."""


class Report(msgspec.Struct, frozen=True):
    """Everything measured, and on what kind of machine; what `--json` prints."""

    machine: Machine
    rows: list[dict[str, object]]
    failed: dict[str, str]
    """Benchmark -> why it could not be measured to its end."""
    schema: str = "apdbg-benchmarks/2"


def options_of(words: list[str] | None = None) -> argparse.Namespace:
    """The command line; exits with 2 and a sentence where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="fewer CPUs, shorter runs")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    how.add_argument("--write", action="store_true", help="write docs/performance.md, too")
    how.add_argument("--against", metavar="REV", help="compare with a commit, by turns")
    parser.add_argument("--within", type=float, metavar="MINUTES", help="the oldest first; "
                        "a benchmark that is not over by then is left out")  # fmt: skip
    parser.add_argument("--bound", type=float, help="with --against: fail beyond so many times")
    parser.add_argument("--tries", type=int, default=1, help="in each of so many tries")
    options = parser.parse_args(words)
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no benchmark {name!r}: {', '.join(NAMES)}")
    if options.tries < 1:
        parser.error("--tries: at least one")
    if options.write and options.quick:
        parser.error("--write takes the figures of a whole run: without --quick")
    options.names = [name for name in NAMES if name in options.names or not options.names]
    return options


def main(words: list[str] | None = None) -> int:
    """Run the benchmarks that were asked for."""
    options = options_of(words)
    if options.against:
        try:
            return compare.against(
                options.against, options.names, options.quick, options.bound, options.tries
            )
        except NoTreeError as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 2
    if options.json:
        return _as_json(options.names, options.quick)
    found: list[Row] = []
    names, end = options.names, float("inf")
    if options.within is not None:
        names, end = history.oldest_first(names), time.monotonic() + 60 * options.within
    for name in names:
        rows = _in_time(name, options.quick, end) if time.monotonic() < end else []
        found += rows
        if rows:
            print(table(rows), end="\n\n", flush=True)
    if options.write:
        history.write(found)
    return 0 if all(row.good for row in found) else 1


def _in_time(name: str, quick: bool, end: float) -> list[Row]:
    """The rows of a benchmark; none where a row came after a moment of the monotonic clock."""
    rows: list[Row] = []
    for row in _shown(_rows(name, quick)):
        rows.append(row)
        if time.monotonic() > end:
            print(f"{name}: not over in time, and left out", file=sys.stderr)
            return []
    return rows


def _rows(name: str, quick: bool) -> Iterator[Row]:
    module: Any = importlib.import_module(f"benchmarks.{name}")
    yield from module.rows(quick)


def _shown(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows as they come; a person who waits for the table sees which ones are done."""
    for row in rows:
        if sys.stderr.isatty():
            print(f"{row.key}", end="\033[K\r", file=sys.stderr, flush=True)
        yield row
    if sys.stderr.isatty():
        print(end="\033[K", file=sys.stderr, flush=True)


def _as_json(names: list[str], quick: bool) -> int:
    """Print everything measured; a benchmark that breaks off is named, with its rows so far."""
    found: list[Row] = []
    failed: dict[str, str] = {}
    for name in names:
        try:
            for row in _rows(name, quick):
                found.append(row)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
    report = Report(machine(), [row.as_dict() for row in found], failed)
    print(msgspec.json.encode(report).decode())
    return 0 if not failed and all(row.good for row in found) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
