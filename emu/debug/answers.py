"""Commands that only look: each answers in lines of text and leaves no trace."""

from typing import Final

from msgspec.structs import fields, replace

from emu.debug import command, files, language, questions
from emu.debug.desk import Desk, focused
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.inject import menu
from emu.judge import judge, races
from emu.judge.waiting import facts
from emu.picture import (
    cpus,
    listing,
    log,
    memory,
    nested,
    registers,
    tables,
    tree,
    walk,
)
from emu.picture.cpu_row import cpu_view
from emu.picture.mailbox import mailbox_view
from emu.words import expression

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


def answer(desk: Desk, order: Looking) -> Lines:
    """The lines that answer a looking command; raises CommandError."""
    match order:
        case command.Mem(where, count, kind):
            return _mem(desk, memory.look_of(where, kind), count)
        case command.Find(where, what):
            return _find(desk, where, what)
        case command.List(where):
            return _list(desk, where)
        case command.Walk() | command.Tables() | command.Npt() | command.Dtb():
            return _look(desk, order)
        case command.Events(text):
            return _log(desk, "log", log.look_of(text.split()))
        case command.Exits(text):
            return _log(desk, "exits", log.look_of(text.split()))
        case command.Cpus(text):
            desk.looks.cpus = text
            rows = (cpu_view(desk.machine, cpu) for cpu in desk.machine.cpus)
            return cpus.lines([row for row in rows if cpus.keeps(row, text)])
        case command.Breakpoints():
            return _breakpoints(desk)
        case command.Registers():
            return _registers(desk)
        case command.Mailbox():
            return _mailbox(desk)
        case command.Waits():
            return _waits(desk)
        case command.Findings(rule):
            return judge.lines(desk.judge, desk.verdict, rule)
        case command.Rules():
            return judge.rules()
        case command.Races():
            return races.lines(desk.machine, desk.timeline)
        case command.Help("inject", kind) if kind:
            broken = menu.menu(desk.machine, focused(desk)).kind(kind)
            if broken is None:
                raise CommandError(f"help inject: this platform has no {kind!r} to inject")
            return menu.kind_lines(broken)
        case command.Help(word, ""):
            return _help(desk, word)
        case command.Help(word):
            raise CommandError(f"help {word}: one word is enough")
        case command.Print(text):
            return _print(desk, text)
        case command.Save(file):
            return (files.save(desk, file),)
        case command.Export(file):
            return (files.export(desk, file),)
        case _:
            return questions.answer(desk, order)


def _started(desk: Desk) -> Cpu:
    cpu = focused(desk)
    if cpu.context is None:
        raise CommandError(f"cpu {cpu.id} has not started: it has no registers yet")
    return cpu


def _mem(desk: Desk, look: memory.MemoryLook, count: int) -> Lines:
    """A hexdump of one of the three spaces, or the fields of a structure there."""
    machine = desk.machine
    cpu = _started(desk) if look.space == "gva" else focused(desk)
    view = memory.memory_view(machine, cpu, look, {})
    found = memory.lines(view, min(count, memory.BYTES_MAX))
    desk.looks.memory = look
    return found


def _find(desk: Desk, where: str, what: str) -> Lines:
    """The first place with these bytes; the memory that is looked at is there then."""
    machine, cpu = desk.machine, focused(desk)
    look = memory.look_of(where, "")
    wanted = memory.pattern(what)
    place = memory.find(machine, cpu, look, wanted)
    if place is None:
        return (f"{what} is nowhere from {where} on",)
    desk.looks.memory = replace(look, where=f"{place:#x}")
    name = machine.layout.symbols.name(place) if look.space != "hpa" else ""
    return (f"{what} is at {look.space}:{place:#x} {name}".rstrip(),)


def _list(desk: Desk, where: str) -> Lines:
    """Code around a place; the words both, asm and source choose the lines."""
    machine, looks, cpu = desk.machine, desk.looks, _started(desk)
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


def _look(desk: Desk, order: Room) -> Lines:
    """Look at tables or a tree: the lines, and from now on the same look on the screen."""
    machine, looks = desk.machine, desk.looks
    cpu = focused(desk)
    match order:
        case command.Walk(where, access):
            wanted = walk.WalkLook(where, access)  # type: ignore[arg-type]  # by the parser
            found = walk.lines(walk.walk_view(machine, cpu, wanted))
            looks.walk = wanted
        case command.Tables(text):
            rows = tables.look_of(tuple(text.split()))
            found = tables.lines(tables.tables_view(machine, cpu, rows))
            looks.tables = rows
        case command.Npt(where):
            page = nested.NestedLook(where)
            found = nested.lines(nested.nested_view(machine, desk.timeline, page))
            looks.nested = page
        case command.Dtb(text):
            part = tree.look_of(tuple(text.split()))
            found = tree.lines(tree.dtb_view(machine, part))
            looks.dtb = part
    return found


def _log(desk: Desk, name: str, look: log.LogLook) -> Lines:
    """Narrow one of the two logs down."""
    setattr(desk.looks, name, look)
    return log.lines(desk.looks.log_view(desk.machine.logs, name, EVERY))


def _breakpoints(desk: Desk) -> Lines:
    listed = desk.breakpoints.listed, desk.watchpoints.listed, desk.catches.listed
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


def _print(desk: Desk, text: str) -> Lines:
    number = expression.evaluate(desk.machine, focused(desk), text)
    name = desk.machine.layout.symbols.name(number) if number > 0xFFF else ""
    return (f"{text} = {number:#x} {number:,} {name}".rstrip(),)


def _registers(desk: Desk) -> Lines:
    rows = registers.views(_started(desk).registers, {})
    return tuple(
        f"{row.name:15}{row.value:0{row.bits // 4}x}  {row.words}".rstrip() for row in rows
    )


def _mailbox(desk: Desk) -> Lines:
    box = mailbox_view(desk.machine)
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


def _waits(desk: Desk) -> Lines:
    rows = []
    for fact in facts(desk.machine):
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


def _help(desk: Desk, word: str) -> Lines:
    if not word:
        return tuple(
            f"{_usage(name):32}{_summary(kind)}" for name, kind in language.WORDS.items()
        )
    name = language.ALIASES.get(word, word)
    if name not in language.WORDS:
        broken = menu.menu(desk.machine, focused(desk)).kind(name)
        if broken is not None:
            return menu.kind_lines(broken)
        raise CommandError(f"help: {word!r} is no command")
    short = [alias for alias, full in language.ALIASES.items() if full == name]
    also = (f"short: {', '.join(short)}",) if short else ()
    more = menu.help_lines(menu.menu(desk.machine, focused(desk))) if name == "inject" else ()
    return (_usage(name), _summary(language.WORDS[name]), *also, *more)


def _usage(name: str) -> str:
    words = [slot.name.upper() for slot in fields(language.WORDS[name])]
    return " ".join([name, *words])


def _summary(kind: type[command.Command]) -> str:
    return " ".join((kind.__doc__ or "").split())
