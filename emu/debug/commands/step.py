"""`step`, `next`, `finish`: the CPU in focus goes on by hand."""

from typing import Final

from emu.debug import stepping
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


def everybody(name: str, word: str, words: list[str]) -> Values:
    """`[CPU] [N]`, or a word and `[N]`."""
    if words[:1] == [word] and len(words) <= 2:
        return None, how_often(words[1], f"{name} count") if len(words) == 2 else 1, word
    return *cpu_and_count(name, words), ""


def written(cpu: int | None, count: int, everybody: str = "") -> str:
    """The words behind the command's."""
    who = f"{everybody} " if everybody else "" if cpu is None else f"{cpu} "
    return f"{who}{count}"


def _step(desk: Desk, cpu: int | None, count: int, everybody: str) -> Begun:
    if everybody:
        return resume(desk, Resume(others="step", count=count))
    one = desk.focus if cpu is None else cpu
    return resume(desk, Resume(((one, "step"),), "stop", count=count))


def _next(desk: Desk, cpu: int | None, count: int) -> Begun:
    return begin(desk, movable(desk, cpu), lambda desk, one: stepping.over(desk, one, count))


def _finish(desk: Desk) -> Begun:
    return begin(desk, movable(desk, None), stepping.finish)


STEP: Final = Command(
    "step",
    "Execute COUNT instructions of one CPU; `all`: of every CPU that can run, in lockstep.",
    _step,
    (some_count("cpu", None, "all"), some_times("count", 1), some_text("all_cpus")),
    read=lambda words: everybody("step", "all", words),
    write=written,
    moves=True,
)
NEXT: Final = Command(
    "next",
    "Like step, but a CALL runs to its return and a REP to its end.",
    _next,
    (some_count("cpu"), some_times("count", 1)),
    read=lambda words: cpu_and_count("next", words),
    write=written,
    moves=True,
)
FINISH: Final = Command(
    "finish", "Run until the selected CPU returns from its function.", _finish, moves=True
)
