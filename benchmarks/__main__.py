"""`python -m benchmarks`: measure, print a table (or JSON), exit 1 where a target is missed."""

import argparse
import os
import platform
import sys
from collections.abc import Iterable, Iterator

import msgspec

from benchmarks import boot, compute, locks, rules, schedules, screen, steps, travel, virtual
from benchmarks.row import Row, table

BENCHMARKS = (boot, screen, virtual, steps, compute, travel, locks, rules, schedules)
"""In this order: those that measure other processes come before apdbg itself is loaded."""
SCHEMA = "apdbg-benchmarks/1"


def main() -> int:
    """Run the benchmarks that were asked for."""
    names = {module.__name__.rpartition(".")[2]: module for module in BENCHMARKS}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; default: all"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    parser.add_argument("--quick", action="store_true", help="fewer CPUs, shorter runs")
    options = parser.parse_args()
    for name in options.names:
        if name not in names:
            parser.error(f"there is no benchmark {name!r}: {', '.join(names)}")
    found: list[Row] = []
    for name, module in names.items():
        if options.names and name not in options.names:
            continue
        rows = list(_shown(module.rows(options.quick)))
        found += rows
        if not options.json:
            print(table(rows), end="\n\n", flush=True)
    if options.json:
        print(as_json(found))
    return 0 if all(row.good for row in found) else 1


def _shown(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows as they come; a person who waits for the table sees which ones are done."""
    for row in rows:
        if sys.stderr.isatty():
            print(f"{row.benchmark}: {row.what}", end="\033[K\r", file=sys.stderr, flush=True)
        yield row
    if sys.stderr.isatty():
        print(end="\033[K", file=sys.stderr, flush=True)


def as_json(rows: list[Row]) -> str:
    """Everything measured, and on what kind of machine."""
    machine = {
        "system": platform.system(), "processor": platform.machine(),
        "processors": os.cpu_count(), "python": platform.python_version(),
    }  # fmt: skip
    listed = [row.as_dict() for row in rows]
    return msgspec.json.encode({"schema": SCHEMA, "machine": machine, "rows": listed}).decode()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
