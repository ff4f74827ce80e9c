"""`cpu`, `unwell`, `cpus`: which CPU is in focus, and how all of them are."""

from typing import Final, get_args

from msgspec.structs import replace

from emu.debug.command import Command, count, some_text
from emu.debug.desk import Desk, Lines, cpu_of
from emu.debug.running import remember
from emu.errors import CommandError
from emu.given.number import is_digits
from emu.judge.verdict import is_over
from emu.picture import cpus
from emu.picture.sections import CpusLook, CpuSort
from emu.picture.view import CpuView

_SORTS: Final[dict[str, CpuSort]] = {one: one for one in get_args(CpuSort) if one}


def _select(desk: Desk, cpu: int) -> Lines:
    desk.focus = cpu_of(desk, cpu).id
    remember(desk)
    return ()


def _every(desk: Desk) -> tuple[CpuView, ...]:
    """All CPUs in rows."""
    course = desk.timeline.branch.name, desk.timeline.driver.done
    words = desk.looks.wait_words(desk.machine)
    return desk.drawn.crowd.views(course, words, over=is_over(desk.verdict))


def _unwell(desk: Desk) -> Lines:
    every = _every(desk)
    found, many = cpus.next_unwell(every, desk.focus), sum(cpu.unwell for cpu in every)
    if found is None:
        return (f"all {len(every):,} CPUs are well" if len(every) > 1 else "the CPU is well",)
    _select(desk, found.id)
    others = f"  (1 of {many:,} that are not well)" if many > 1 else ""
    why = f": {found.waits}" if found.waits else ""
    return (f"cpu {found.id} is {cpus.state_words(found)}{why}{others}",)


def _list(desk: Desk, text: str) -> Lines:
    words, look = text.split(), desk.looks.cpus
    match words:
        case ["as", ("list" | "map") as shape]:
            desk.looks.cpus = replace(look, shape=shape)
            return ()
        case [("open" | "close") as how, number] if is_digits(number):
            kind = frozenset({cpus.kind_of(_every(desk)[cpu_of(desk, int(number)).id])})
            opened = look.open | kind if how == "open" else look.open - kind
            desk.looks.cpus = replace(look, open=opened)
            return ()
        case [*some, "sort", key]:
            desk.looks.cpus = _looked(look, some, key)
        case _:
            desk.looks.cpus = _looked(look, words, "")
    return cpus.lines(cpus.kept(_every(desk), desk.looks.cpus))


def _looked(look: CpusLook, words: list[str], key: str) -> CpusLook:
    """Another filter and order; raises CommandError."""
    if key and key not in _SORTS:
        raise CommandError(f"cpus: sort takes {', '.join(_SORTS)}, not {key!r}")
    return replace(look, filter=" ".join(words), sort=_SORTS.get(key, ""))


CPU: Final = Command("cpu", "Put a CPU in focus.", _select, (count("cpu"),), looks=True)
UNWELL: Final = Command(
    "unwell",
    "Put the next CPU in focus that is dead, stuck, lost or given up, and say why.",
    _unwell,
)
CPUS: Final = Command(
    "cpus",
    "Show the CPUs: `cpus [WORDS] [sort KEY]` keeps those of a state, a symbol, or numbers "
    "`3-7`, by state, clock, ticks, place or id; `cpus as map`, `as list`; `cpus open N`, "
    "`close N`: a row for each that is like cpu N.",
    _list,
    (some_text("text", "as", "open", "close", "sort", rest=True),),
    looks=True,
)
