"""Commands that only look: each answers in lines of text and leaves no trace."""

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from emu.debug import command, files, language, place, questions, registers
from emu.debug.breakpoint import resolve
from emu.debug.picture import mailbox_view
from emu.debug.waiting import facts
from emu.errors import CommandError
from emu.hw import nested, paging
from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Cpu

if TYPE_CHECKING:
    from emu.debug.session import Session

Looking = (
    command.Mem
    | command.Walk
    | command.Npt
    | command.Registers
    | command.Mailbox
    | command.Waits
    | command.Help
    | command.Print
    | command.Save
    | command.Export
    | questions.Asking
)
Lines = tuple[str, ...]

MEM_BYTES_MAX: Final = 4096
_ROW: Final = 16


def answer(session: "Session", order: Looking) -> Lines:
    """The lines that answer a looking command; raises CommandError."""
    match order:
        case command.Mem(where, count):
            return _mem(session, where, count)
        case command.Walk(where):
            return _walk(session, where)
        case command.Npt(where):
            return _npt(session, where)
        case command.Registers():
            return _registers(session)
        case command.Mailbox():
            return _mailbox(session)
        case command.Waits():
            return _waits(session)
        case command.Help(word):
            return _help(word)
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


def _mem(session: "Session", where: str, count: int) -> Lines:
    """A hexdump of one of the three spaces."""
    machine = session.machine
    space, colon, rest = where.partition(":")
    if not colon or space not in ("gva", "gpa", "hpa"):
        space, rest = "gva", where
    address = resolve(machine, rest)[0]
    count = min(count, MEM_BYTES_MAX)
    if space == "hpa":
        inside = address + count <= machine.memory.size
        data = machine.memory.read(Hpa(address), count) if inside else None
    elif space == "gpa":
        data = machine.ram.guest_bytes(address, count)
    else:
        data = machine.virtual.read(_started(session).registers, address, count)
    if data is None:
        raise CommandError(f"mem: {space} {address:#x}: nothing is mapped there")
    return tuple(
        _hex_row(address + offset, data[offset : offset + _ROW])
        for offset in range(0, len(data), _ROW)
    )


def _hex_row(address: int, data: bytes) -> str:
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
    return f"{address:016x}  {data[:8].hex(' '):23}  {data[8:].hex(' '):23}  {text}"


def _walk(session: "Session", where: str) -> Lines:
    machine = session.machine
    cpu = _started(session)
    found = paging.walk_context(
        machine.memory, machine.npt, cpu.registers, resolve(machine, where)[0]
    )
    return found.lines()


def _npt(session: "Session", where: str) -> Lines:
    machine = session.machine
    gpa = Gpa(resolve(machine, where)[0])
    found = nested.walk_nested(machine.memory, machine.npt.model_root, gpa)
    state = machine.ram.state(gpa) or "no memory"
    return (*found.lines(), f"page state: {state}")


def _print(session: "Session", text: str) -> Lines:
    where = place.place(session.machine, session.cpu(None), text)
    number = place.value(session.machine, where)
    if number is None:
        raise CommandError(f"{text}: that cpu has not started")
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
        rows.append(f"cpu {fact.cpu} waits for {fact.on}; last written by {writer}")
    return tuple(rows) or ("no CPU waits",)


def _who(cpu: int | None) -> str:
    return "the host" if cpu is None else f"cpu {cpu}"


def _help(word: str) -> Lines:
    if not word:
        return tuple(
            f"{_usage(name):32}{_summary(kind)}" for name, kind in language.WORDS.items()
        )
    name = language.ALIASES.get(word, word)
    if name not in language.WORDS:
        raise CommandError(f"help: {word!r} is no command")
    short = [alias for alias, full in language.ALIASES.items() if full == name]
    also = (f"short: {', '.join(short)}",) if short else ()
    return (_usage(name), _summary(language.WORDS[name]), *also)


def _usage(name: str) -> str:
    words = [slot.name.upper() for slot in fields(language.WORDS[name])]
    return " ".join([name, *words])


def _summary(kind: type[command.Command]) -> str:
    return " ".join((kind.__doc__ or "").split())
