"""What there is to name on a machine now: places, moments, CPUs, branches, breakpoints."""

from collections.abc import Callable
from typing import Final

from emu.boot.roles import ROLES
from emu.debug.desk import Desk
from emu.judge.state import state_of
from emu.machine.event import Milestone
from emu.mailbox.layout import FIELDS
from emu.picture.known import Named, named
from emu.words.place import REGISTERS

EVENTS_MAX: Final = 2_000
"""The newest ones, whose ticks are offered."""


def known(desk: Desk, kind: str) -> tuple[Named, ...]:
    """All words of a kind of `KINDS`, or the lines of a file (`line main.c`), in the order in
    which they are offered."""
    head, _, file = kind.partition(" ")
    if head == "line":
        return _lines(desk, file)
    return KINDS[head](desk)


def _typed(name: str) -> bool:
    """Whether people type a symbol: not those that repeat one with its image's name."""
    return name.replace("::", "_").replace(".", "_").isidentifier() and name[0] != "."


def _places(desk: Desk) -> tuple[Named, ...]:
    board = desk.machine.board
    points = {point.name: f"milestone: {point.words}" for point in board.roles.points.values()}
    symbols = {
        name: points.get(name, "symbol")
        for name in board.layout.symbols.names()
        if _typed(name)
    }
    roles = {
        str(role): f"role: {words}" for role, words in ROLES.items() if board.roles.of(role)
    }
    files = {f"{file.rpartition('/')[2]}:": "file" for file in board.layout.lines.files()}
    return named(symbols | {role: what for role, what in roles.items() if role not in symbols}
                 | files)  # fmt: skip


def _lines(desk: Desk, file: str) -> tuple[Named, ...]:
    """The lines of a file that have code, with their text."""
    lines = desk.machine.board.layout.lines
    full = next((one for one in lines.files() if f"/{one}".endswith(f"/{file}")), file)
    return tuple(
        Named(f"{file}:{number}", (lines.text(full, number) or "").strip())
        for number in lines.numbers(full)
    )


def _moments(desk: Desk) -> tuple[Named, ...]:
    branch = desk.timeline.branch
    found = {"start": "before the first instruction", "end": "as far as is known"}
    found |= {name: f"mark at tick {mark.at.tick:,}" for name, mark in branch.marks.items()}
    events = list(branch.logs.events.known[-EVENTS_MAX:])
    for event in events:
        if isinstance(event.detail, Milestone):
            found.setdefault(event.detail.name, f"milestone at tick {event.tick:,}")
    for event in reversed(events):
        who = "" if event.cpu is None else f"cpu {event.cpu} "
        found.setdefault(str(event.tick), f"{who}{event.text}")
    return named(found)


def _cpus(desk: Desk) -> tuple[Named, ...]:
    machine = desk.machine
    return tuple(Named(str(cpu.id), state_of(machine, cpu)) for cpu in machine.board.cpus)


def _branches(desk: Desk) -> tuple[Named, ...]:
    return tuple(
        Named(one.name, f"branch to tick {one.end.tick:,}")
        for one in desk.timeline.branches.values()
    )


def _breakpoints(desk: Desk) -> tuple[Named, ...]:
    listed = desk.breakpoints.listed, desk.watchpoints.listed, desk.catches.listed
    views = sorted((one.view() for some in listed for one in some), key=lambda one: one.number)
    return tuple(Named(str(one.number), one.where) for one in views)


def _values(desk: Desk) -> tuple[Named, ...]:
    """What has a value: registers, fields of the mailbox, and every place."""
    found = dict.fromkeys(sorted(REGISTERS), "register")
    found |= {f"mailbox.{field.name}": "field of the mailbox" for field in FIELDS}
    found |= {f"${name}": "register" for name in sorted(REGISTERS)}
    found |= {"gpa:": "guest memory", "hpa:": "host memory", "pte:": "entry of a CPU's table",
              "npt:": "entry of the nested table"}  # fmt: skip
    return (*named(found), *_places(desk))


KINDS: Final[dict[str, Callable[[Desk], tuple[Named, ...]]]] = {
    "place": _places, "moment": _moments, "cpu": _cpus, "branch": _branches,
    "breakpoint": _breakpoints, "value": _values,
}  # fmt: skip
