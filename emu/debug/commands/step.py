"""`step`, `next`, `finish`: the CPU in focus goes on by hand."""

from typing import Final

from emu.debug import by_line, returning, stepping
from emu.debug.command import Begun, Command, Values, some_count, some_text, some_times
from emu.debug.desk import Desk
from emu.debug.resume import Resume, resume
from emu.debug.running import begin, movable
from emu.errors import CommandError
from emu.given.number import how_often, number


def cpu_and_count(name: str, words: list[str]) -> tuple[int | None, int]:
    """`[CPU] [N]`: one number is a count, as gdb's users expect."""
    if len(words) > 2:
        raise CommandError(f"{name}: takes [CPU] [N]")
    cpu = number(words[0], f"{name} cpu") if len(words) == 2 else None
    return cpu, how_often(words[-1], f"{name} count") if words else 1


def worded(name: str, known: tuple[str, ...], words: list[str]) -> Values:
    """`[CPU] [N]`, or one of some words and `[N]`."""
    if words[:1] and words[0] in known and len(words) <= 2:
        return None, how_often(words[1], f"{name} count") if len(words) == 2 else 1, words[0]
    return *cpu_and_count(name, words), ""


def written(cpu: int | None, count: int, word: str = "") -> str:
    """The words behind the command's."""
    who = f"{word} " if word else "" if cpu is None else f"{cpu} "
    return f"{who}{count}"


def _step(desk: Desk, cpu: int | None, count: int, word: str) -> Begun:
    if word == "line":
        return begin(desk, movable(desk, cpu), lambda desk, one: by_line.step(desk, one, count))
    if word:
        return resume(desk, Resume(others="step", count=count))
    one = desk.focus if cpu is None else cpu
    return resume(desk, Resume(((one, "step"),), "stop", count=count))


def _next(desk: Desk, cpu: int | None, count: int, word: str) -> Begun:
    way = by_line.over if word else stepping.over
    return begin(desk, movable(desk, cpu), lambda desk, one: way(desk, one, count))


def _finish(desk: Desk) -> Begun:
    cpu = movable(desk, None)
    caller = returning.caller(desk, cpu)
    return begin(desk, cpu, lambda desk, one: returning.finish(desk, one, caller))


STEP: Final = Command(
    "step",
    "Execute COUNT instructions of one CPU; `all`: of every CPU that can run, in lockstep; "
    "`line`: up to another line of source, into calls too.",
    _step,
    (some_count("cpu", None, "all", "line"), some_times("count", 1), some_text("what")),
    read=lambda words: worded("step", ("all", "line"), words),
    write=written,
    moves=True,
)
NEXT: Final = Command(
    "next",
    "Like step, but a CALL runs to its return and a REP to its end; `line`: up to another line "
    "of source.",
    _next,
    (some_count("cpu", None, "line"), some_times("count", 1), some_text("what")),
    read=lambda words: worded("next", ("line",), words),
    write=written,
    moves=True,
)
FINISH: Final = Command(
    "finish",
    "Run until the selected CPU returns from its function, to where `bt` says.",
    _finish,
    moves=True,
)
