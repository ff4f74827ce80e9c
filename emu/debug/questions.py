"""Questions about time: who wrote last, who was here, what differs. The machine goes where the
answer is and comes back to where it was."""

from emu.debug import command as c
from emu.debug.desk import Desk, focused
from emu.debug.travel import at_tick, doer, find
from emu.machine.probe import Access, CodeProbe
from emu.timeline import search
from emu.timeline.branch import Branch
from emu.timeline.checkpoint import way
from emu.timeline.moment import Moment
from emu.words.place import MemoryPlace, place
from emu.words.where import resolve

Lines = tuple[str, ...]
Asking = c.LastWriter | c.Executed | c.Accessed | c.Diff | c.Branches


def answer(desk: Desk, order: Asking) -> Lines:
    """The lines that answer; raises CommandError, and then nothing has changed."""
    match order:
        case c.LastWriter(text):
            return _last_writer(desk, text)
        case c.Executed(where):
            return _executed(desk, where)
        case c.Accessed(text):
            return _accessed(desk, text)
        case c.Diff(first, second):
            return _diff(desk, first, second)
        case c.Branches():
            return _branches(desk)


def _last_writer(desk: Desk, text: str) -> Lines:
    where = place(desk.machine, focused(desk), text)
    access = search.last_access(desk.timeline, where, lambda one: one.doing != "read")
    if access is None:
        return (f"{where.name}: nobody has written it since power-on",)
    return (f"{where.name}: {_told(desk, access)}",)


def _told(desk: Desk, access: Access) -> str:
    """One access in words, with the place in the code that it came from."""
    before, after = (int.from_bytes(data, "little") for data in (access.before, access.after))
    with search.from_here(desk.timeline):
        desk.timeline.goto(at_tick(desk, access.tick - (access.cpu is not None)))
        who = doer(desk, access)
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
    where = place(desk.machine, focused(desk), text)
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


def _diff(desk: Desk, first: str, second: str) -> Lines:
    """Be at both moments and compare what differs between them."""
    from emu.debug.capture import capture
    from emu.debug.compare import compare

    timeline, machine = desk.timeline, desk.machine
    home, here = timeline.branch, timeline.now
    _ = timeline.end
    try:
        places = [_branch_and_moment(desk, word) for word in (first, second)]
        _be_at(desk, *places[0])
        base, pages = timeline.base, set(machine.undo.images)
        _be_at(desk, *places[1])
        up, down = way(base, timeline.base)
        pages |= set(machine.undo.images).union(*(point.images for point in (*up, *down)))
        after = capture(machine, pages)
        _be_at(desk, *places[0])
        before = capture(machine, pages)
    finally:
        _be_at(desk, home, here)
    return compare(before, after, machine.layout.symbols.name)


def _branch_and_moment(desk: Desk, word: str) -> tuple[Branch, Moment]:
    timeline = desk.timeline
    if word in timeline.branches and word not in timeline.branch.marks:
        branch = timeline.branches[word]
        return branch, timeline.end if branch is timeline.branch else branch.end
    return timeline.branch, find(desk, word)


def _be_at(desk: Desk, branch: Branch, moment: Moment) -> None:
    if desk.timeline.branch is not branch:
        desk.timeline.switch(branch.name)
    desk.timeline.goto(moment)


def _branches(desk: Desk) -> Lines:
    timeline = desk.timeline
    _ = timeline.end
    rows = []
    for branch in timeline.branches.values():
        here = ">" if branch is timeline.branch else " "
        origin = (
            f"from {branch.parent} at {branch.fork.tick:,}" if branch.parent else "power-on"
        )
        own = branch.entries[branch.fork.entries :]
        entered = f"; {own[0].text} at {own[0].tick:,}" if own else ""
        more = f" and {len(own) - 1} more" if len(own) > 1 else ""
        rows.append(
            f"{here} {branch.name}: {origin}, to tick {branch.end.tick:,}{entered}{more}"
        )
    return tuple(rows)
