"""How long it takes until something is there: imports, a whole command, the first picture.

A command and the screen are held against the commit at which the start was last slow.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from benchmarks import process
from benchmarks.key_to_frame import Timed
from benchmarks.other_tree import NoTreeError, tree_of
from benchmarks.row import Row, Target
from benchmarks.turns import in_turns

NAME: Final = "start"
LIBRARIES: Final = "import textual, unicorn, capstone"
IMPORTS: Final = Target(most=1.3, ratio=True)
REFERENCE: Final = "6045c94"
"""Before values were structs."""
WHOLE: Final = Target(most=1.5)
COMMAND: Final = Target(most=0.6, ratio=True)
PAINT: Final = Target(most=0.75, ratio=True)
"""0.6 s where the reference needs 0.8."""
TURNS: Final = 9
QUICK_TURNS: Final = 3


def rows(quick: bool) -> Iterator[Row]:
    """Fresh interpreters, by turns; all have been started once before."""
    times = QUICK_TURNS if quick else TURNS
    with ExitStack() as held:
        cache = held.enter_context(tempfile.TemporaryDirectory())
        libraries = _import(LIBRARIES, cache)
        turns = in_turns(_import("import tui.app", cache), libraries, times)
        yield Row.of_turns(NAME, "`import tui.app`", turns, "s", LIBRARIES, target=IMPORTS)
        turns = in_turns(_command(process.ROOT, cache), libraries, times)
        yield Row.of_turns(NAME, "`apdbg run`, tdx, 4 cpus", turns, "s", LIBRARIES,
                           target=WHOLE)  # fmt: skip
        try:
            other = held.enter_context(tree_of(REFERENCE))
        except NoTreeError:
            return
        yield from _beside(other, cache, times)


def _beside(other: Path, cache: str, times: int) -> Iterator[Row]:
    """The reference's product beside ours."""
    commands = (_command(process.ROOT, cache), _command(other, cache))
    what = "`apdbg run` beside what it was"
    yield Row.of_turns(NAME, what, in_turns(*commands, times), "s", REFERENCE, target=COMMAND)
    paints = (_paint(process.ROOT, cache), _paint(other, cache))
    what = "first paint beside what it was"
    yield Row.of_turns(NAME, what, in_turns(*paints, times), "s", REFERENCE, target=PAINT)


def _import(words: str, cache: str) -> Callable[[], float]:
    """Processor seconds of an interpreter that imports something."""
    return _warmed(lambda: process.run("-c", words, cache=cache).cpu_s)


def _command(root: Path, cache: str) -> Callable[[], float]:
    """Processor seconds of a whole boot from the shell."""

    def run() -> float:
        finished, report = process.boot("tdx", 4, root=root, cache=cache)
        wrong = process.complaint(report, 4)
        assert not wrong, wrong
        return finished.cpu_s

    return _warmed(run)


def _paint(root: Path, cache: str) -> Callable[[], float]:
    """Seconds on the wall from the command to the first picture."""

    def start() -> float:
        words = ["-m", "tui", process.IMAGE, "--cpus", "4", "--platform", "tdx"]
        with closing(Timed(words, root=root, cache=cache)) as timed:
            return timed.wait_for(b"STOPPED") - timed.began

    return _warmed(start)


def _warmed(measure: Callable[[], float]) -> Callable[[], float]:
    """Once before it counts, so that everything is compiled and read."""
    measure()
    return measure
