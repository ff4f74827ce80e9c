"""`last-writer`, `first-reader`, `executed`, `accessed`: questions about the past. The machine
goes where the answer is and comes back to where it was."""

from typing import Final

from msgspec.structs import replace

from emu.debug.command import Command, text
from emu.debug.desk import Desk, Lines, focused
from emu.debug.telling import before as right_before
from emu.debug.telling import doer, numbers
from emu.errors import CommandError
from emu.hw.address import PAGE_BYTES, PAGE_MASK, Hpa
from emu.igvm.launch_pages import page_at
from emu.machine.probe import Access, CodeProbe
from emu.timeline import search
from emu.words.place import MemoryPlace
from emu.words.target import target
from emu.words.where import resolve


def _last_writer(desk: Desk, text: str) -> Lines:
    where = target(desk.machine, focused(desk), text)
    access = search.last_access(desk.timeline, where, lambda one: one.doing != "read")
    if access is None:
        return (f"{where.name}: nobody has written it since power-on",)
    return (f"{where.name}: {_told(desk, access)}",)


def _told(desk: Desk, access: Access) -> str:
    """One access in words, with the place in the code that it came from."""
    before, after = numbers(access)
    with search.from_here(desk.timeline):
        desk.timeline.goto(right_before(desk.timeline, access))
        who = doer(desk.machine, access).text
    change = f"{before:#x} -> {after:#x} " if access.doing != "read" else f"{before:#x} "
    if access.doing != "read" and before == after:
        change = f"{after:#x} (as it was) "
    return f"{change}{who}, tick {access.tick:,}"


def _executed(desk: Desk, where: str) -> Lines:
    probe = CodeProbe(frozenset(resolve(desk.machine, where)))
    search.all_accesses(desk.timeline, probe)
    here = desk.timeline.now
    visits = [one for one in search.visits(desk.timeline, probe) if one.tick <= here.tick]
    if not visits:
        return (f"{where}: nobody has executed it up to this moment",)
    first, last = visits[0], visits[-1]
    return (
        f"{where}: executed {len(visits):,} times, by cpus "
        + ", ".join(str(cpu) for cpu in sorted({visit.cpu for visit in visits})),
        f"  first by cpu {first.cpu} at tick {first.before.tick:,}",
        f"  last by cpu {last.cpu} at tick {last.before.tick:,}",
    )


def _accessed(desk: Desk, text: str) -> Lines:
    where = target(desk.machine, focused(desk), text)
    probe = search.probe_for(where, reads=True)
    search.all_accesses(desk.timeline, probe)
    found: list[str] = []
    for word, kinds in (("read", ("read",)), ("written", ("write", "host", "walk"))):
        some = [access for access in probe.found if access.doing in kinds]
        if not some:
            found.append(f"{where.name}: never {word} up to this moment")
            continue
        found.append(f"{where.name}: {word} {len(some):,} times")
        found.append(f"  first: {_told(desk, some[0])}")
        found.append(f"  last: {_told(desk, some[-1])}")
    if not isinstance(where, MemoryPlace):
        return tuple(line for line in found if "read" not in line)
    return tuple(found)


def _first_reader(desk: Desk, text: str) -> Lines:
    where = target(desk.machine, focused(desk), text)
    if not isinstance(where, MemoryPlace):
        raise CommandError(f"first-reader: {where.name} is no memory")
    if "/" not in text:
        inside, known = where.address & PAGE_MASK, where.space == "gpa"
        name = f"gpa:{where.address - inside:#x}" if known else f"the page of {where.name}"
        where = replace(where, name=name, hpa=Hpa(where.hpa - inside), size=PAGE_BYTES)
    laid = _laid_down(desk, where)
    found = search.first_load(desk.timeline, where)
    if found is None:
        return (f"{where.name}{laid}: no instruction has loaded from it up to now",)
    offset, access = found
    place = f" at +{offset:#x}" if where.size > len(access.before) else ""
    size = len(access.before)
    return (f"{where.name}{laid}: first read{place}, {size} bytes: {_told(desk, access)}",)


def _laid_down(desk: Desk, where: MemoryPlace) -> str:
    """How a launch laid the page down, if one did."""
    found = page_at(desk.machine.board.layout.launch, where.address)
    return "" if found is None or where.space != "gpa" else f" ({found.words(where.address)})"


LAST_WRITER: Final = Command(
    "last-writer",
    "Say who wrote a place last: `rax`, `rsp+8`, `mailbox.command`, `pte:GVA`, ADDRESS/4.",
    _last_writer,
    (text("place"),),
)
FIRST_READER: Final = Command(
    "first-reader",
    "Say which instruction read a place first since the launch: its page, or ADDRESS/BYTES.",
    _first_reader,
    (text("place"),),
)
EXECUTED: Final = Command(
    "executed",
    "Say who executed a place first and last, and how often, up to now.",
    _executed,
    (text("where"),),
)
ACCESSED: Final = Command(
    "accessed",
    "Say who read and who wrote a place first and last, and how often, up to now.",
    _accessed,
    (text("place"),),
)
