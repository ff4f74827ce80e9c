"""Commands that only look: each answers in lines of text and leaves no trace."""

from typing import TYPE_CHECKING, Final

from msgspec.structs import fields, replace

from emu.debug import command, files, language, questions
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.inject import menu
from emu.judge import judge
from emu.judge.waiting import facts
from emu.picture import (
    cpus,
    listing,
    log,
    memory,
    nested,
    picture,
    registers,
    sections,
    tables,
    tree,
    walk,
)
from emu.picture.picture import mailbox_view
from emu.words import expression

if TYPE_CHECKING:
    from emu.debug.session import Session

Looking = (
    command.Mem
    | command.Find
    | command.List
    | command.Walk
    | command.Tables
    | command.Npt
    | command.Dtb
    | command.Events
    | command.Exits
    | command.Cpus
    | command.Breakpoints
    | command.Registers
    | command.Mailbox
    | command.Waits
    | command.Findings
    | command.Rules
    | command.Races
    | command.Help
    | command.Print
    | command.Save
    | command.Export
    | questions.Asking
)
Lines = tuple[str, ...]

LIST_LINES: Final = 24
EVERY: Final = 1 << 62
"""A headless run looks through the whole log."""


def answer(session: "Session", order: Looking) -> Lines:
    """The lines that answer a looking command; raises CommandError."""
    match order:
        case command.Mem(where, count, kind):
            return _mem(session, memory.look_of(where, kind), count)
        case command.Find(where, what):
            return _find(session, where, what)
        case command.List(where):
            return _list(session, where)
        case command.Walk() | command.Tables() | command.Npt() | command.Dtb():
            return _look(session, order)
        case command.Events(text):
            return _log(session, "log", log.look_of(text.split()))
        case command.Exits(text):
            return _log(session, "exits", log.look_of(text.split()))
        case command.Cpus(text):
            session.looks.cpus = text
            rows = (picture.cpu_view(session.machine, cpu) for cpu in session.machine.cpus)
            return cpus.lines([row for row in rows if cpus.keeps(row, text)])
        case command.Breakpoints():
            return _breakpoints(session)
        case command.Registers():
            return _registers(session)
        case command.Mailbox():
            return _mailbox(session)
        case command.Waits():
            return _waits(session)
        case command.Findings(rule):
            return judge.lines(session, rule)
        case command.Rules():
            return judge.rules()
        case command.Races():
            from emu.judge import races

            return races.lines(session)
        case command.Help("inject", kind) if kind:
            broken = session.menu().kind(kind)
            if broken is None:
                raise CommandError(f"help inject: this platform has no {kind!r} to inject")
            return menu.kind_lines(broken)
        case command.Help(word, ""):
            return _help(session, word)
        case command.Help(word):
            raise CommandError(f"help {word}: one word is enough")
        case command.Print(text):
            return _print(session, text)
        case command.Save(file):
            return (files.save(session, file),)
        case command.Export(file):
            return (files.export(session, file),)
        case _:
            return questions.answer(session, order)


def _started(session: "Session") -> Cpu:
    cpu = session.machine.cpus[session.focus]
    if cpu.context is None:
        raise CommandError(f"cpu {cpu.id} has not started: it has no registers yet")
    return cpu


def _mem(session: "Session", look: sections.MemoryLook, count: int) -> Lines:
    """A hexdump of one of the three spaces, or the fields of a structure there."""
    machine = session.machine
    cpu = _started(session) if look.space == "gva" else machine.cpus[session.focus]
    view = memory.memory_view(machine, cpu, look, {})
    found = memory.lines(view, min(count, memory.BYTES_MAX))
    session.looks.memory = look
    return found


def _find(session: "Session", where: str, what: str) -> Lines:
    """The first place with these bytes; the memory that is looked at is there then."""
    machine, cpu = session.machine, session.machine.cpus[session.focus]
    look = memory.look_of(where, "")
    wanted = memory.pattern(what)
    place = memory.find(machine, cpu, look, wanted)
    if place is None:
        return (f"{what} is nowhere from {where} on",)
    session.looks.memory = replace(look, where=f"{place:#x}")
    name = machine.layout.symbols.name(place) if look.space != "hpa" else ""
    return (f"{what} is at {look.space}:{place:#x} {name}".rstrip(),)


def _list(session: "Session", where: str) -> Lines:
    """Code around a place; the words both, asm and source choose the lines."""
    machine, looks, cpu = session.machine, session.looks, _started(session)
    if where in ("both", "asm", "source"):
        looks.code = replace(looks.code, lines=where)
        return ()
    look = replace(looks.code, where=where)
    start = expression.address(machine, cpu, where) if where else machine.linear_rip(cpu)
    found = listing.listing(machine, cpu, start, frozenset(), {})
    if not found:
        raise CommandError(f"list {where}: no code can be read at {start:#x}")
    looks.code = look
    first = next((i for i, line in enumerate(found) if line.address >= start), 0)
    return tuple(
        f"{line.address:#x}  {line.text}  {line.note}".rstrip() if line.kind == "asm"
        else f"{line.number or '':>6} {line.text}"
        for line in found[first : first + LIST_LINES]
    )  # fmt: skip


Room = command.Walk | command.Tables | command.Npt | command.Dtb


def _look(session: "Session", order: Room) -> Lines:
    """Look at tables or a tree: the lines, and from now on the same look on the screen."""
    machine, looks = session.machine, session.looks
    cpu = machine.cpus[session.focus]
    match order:
        case command.Walk(where, access):
            wanted = sections.WalkLook(where, access)  # type: ignore[arg-type]  # by the parser
            found = walk.lines(walk.walk_view(machine, cpu, wanted))
            looks.walk = wanted
        case command.Tables(text):
            rows = tables.look_of(tuple(text.split()))
            found = tables.lines(tables.tables_view(machine, cpu, rows))
            looks.tables = rows
        case command.Npt(where):
            page = sections.NestedLook(where)
            found = nested.lines(nested.nested_view(machine, session.timeline, page))
            looks.nested = page
        case command.Dtb(text):
            part = tree.look_of(tuple(text.split()))
            found = tree.lines(tree.dtb_view(machine, part))
            looks.dtb = part
    return found


def _log(session: "Session", name: str, look: sections.LogLook) -> Lines:
    """Narrow one of the two logs down."""
    setattr(session.looks, name, look)
    return log.lines(session.looks.log_view(session, name, EVERY))


def _breakpoints(session: "Session") -> Lines:
    listed = session.breakpoints.listed, session.watchpoints.listed, session.catches.listed
    rows = []
    for point in sorted(
        (one.view() for some in listed for one in some), key=lambda p: p.number
    ):
        who = "" if point.cpu is None else f"  cpu {point.cpu}"
        place = f"  {point.address:#x}" if point.address else ""
        rule = f"  {point.rule}" if point.rule else ""
        rows.append(f"{point.number}  {point.where}{place}{who}{rule}  {point.hits:,} hits")
        rows += [f"    {text}" for text in point.log]
    return tuple(rows) or ("no breakpoint is set",)


def _print(session: "Session", text: str) -> Lines:
    number = expression.evaluate(session.machine, session.cpu(None), text)
    name = session.machine.layout.symbols.name(number) if number > 0xFFF else ""
    return (f"{text} = {number:#x} {number:,} {name}".rstrip(),)


def _registers(session: "Session") -> Lines:
    rows = registers.views(_started(session).registers, {})
    return tuple(
        f"{row.name:15}{row.value:0{row.bits // 4}x}  {row.words}".rstrip() for row in rows
    )


def _mailbox(session: "Session") -> Lines:
    box = mailbox_view(session.machine)
    if box is None:
        raise CommandError("mailbox: none is known yet")
    head = (
        f"mailbox at GPA {box.gpa:#x} ({box.page_state})",
        f"  command   {box.command:04x} {box.command_name}",
        f"  reserved  {box.reserved:04x}",
        f"  apic id   {box.apic_id:08x}",
        f"  vector    {box.vector:016x} {box.vector_symbol}".rstrip(),
    )
    rows = (
        f"  cpu {ap.cpu}: {ap.step}" + (f"; next: {ap.next}" if ap.next else "")
        for ap in box.aps
    )
    return (*head, *rows)


def _waits(session: "Session") -> Lines:
    rows = []
    for fact in facts(session.machine):
        writer = (
            "nobody yet" if fact.tick is None else f"{_who(fact.last_writer)} at {fact.tick:,}"
        )
        rows.append(
            f"cpu {fact.cpu} waits for {fact.on} (now {fact.now or '-'}) at {fact.where}; "
            f"last written by {writer}"
        )
    return tuple(rows) or ("no CPU waits",)


def _who(cpu: int | None) -> str:
    return "the host" if cpu is None else f"cpu {cpu}"


def _help(session: "Session", word: str) -> Lines:
    if not word:
        return tuple(
            f"{_usage(name):32}{_summary(kind)}" for name, kind in language.WORDS.items()
        )
    name = language.ALIASES.get(word, word)
    if name not in language.WORDS:
        broken = session.menu().kind(name)
        if broken is not None:
            return menu.kind_lines(broken)
        raise CommandError(f"help: {word!r} is no command")
    short = [alias for alias, full in language.ALIASES.items() if full == name]
    also = (f"short: {', '.join(short)}",) if short else ()
    more = menu.help_lines(session) if name == "inject" else ()
    return (_usage(name), _summary(language.WORDS[name]), *also, *more)


def _usage(name: str) -> str:
    words = [slot.name.upper() for slot in fields(language.WORDS[name])]
    return " ".join([name, *words])


def _summary(kind: type[command.Command]) -> str:
    return " ".join((kind.__doc__ or "").split())
