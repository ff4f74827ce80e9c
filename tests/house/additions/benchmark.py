"""A benchmark: rows, each a figure with its unit, its target and what stands beside it."""

NEW = {
    "benchmarks/parse.py": '''\
"""How long it takes to read a command."""

from collections.abc import Iterator
from time import perf_counter

from benchmarks.row import Row, Target
from emu.debug.language import parse


def rows(quick: bool) -> Iterator[Row]:
    """A hundred commands."""
    start = perf_counter()
    for number in range(1, 101):
        parse(f"run {number}")
    taken = (perf_counter() - start) * 1000
    yield Row("parse", "100 commands", taken, "ms", target=Target(most=60_000))
''',
}
LINES = {"benchmarks/__main__.py": (('"locks", "rules", "schedules",', ' "parse",'),)}


def uses() -> None:
    from benchmarks.__main__ import main

    assert main(["parse"]) == 0
