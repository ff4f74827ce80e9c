"""What there is to explain besides commands, from the tables in which it stands.

A row of `TOPICS` is one kind of word: which there are, and the lines that explain one. What a
word means in two tables is told twice.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from msgspec import Struct

from emu.boot.roles import DATA_ROLES, ROLES, NamedPoint
from emu.debug import catch
from emu.debug.aliases import OF, SETS
from emu.debug.desk import Desk, Lines, focused
from emu.hw import interrupt
from emu.inject import menu
from emu.judge.verdict import MEANINGS
from emu.machine.event import EventKind
from emu.mailbox.ap import ApState
from emu.mailbox.layout import COMMANDS as MAILBOX_COMMANDS
from emu.mailbox.layout import FIELDS
from emu.mailbox.rules import BY_NAME as RULES
from emu.picture import registers
from emu.vmm.hypercalls.dispatch import HYPERCALLS
from emu.vmm.msr import MSRS
from emu.vmm.tdx.dispatch import LEAVES
from emu.words.place import REGISTERS, register_of


class Topic(Struct, frozen=True):
    """One kind of words that can be explained."""

    words: Callable[[Desk], Iterable[str]]
    """All of them, as people write them."""
    lines: Callable[[Desk, str], Lines]
    """What there is to say of one of them; nothing if it is none."""


def _of(table: Callable[[Desk], Mapping[str, Lines]]) -> Topic:
    """A topic that is a table."""
    return Topic(table, lambda desk, word: table(desk).get(word, ()))


def _register(desk: Desk, word: str) -> Lines:
    """A register with its value and what its bits are called."""
    name = register_of(word)
    if name is None:
        return ()
    context = focused(desk).context
    now = "" if context is None else f"; of cpu {desk.focus} now {context.get(name):#x}"
    bits = registers.names_of_bits(name)
    named = (f"  its bits: {', '.join(f'{bit} {one}' for bit, one in bits)}",) if bits else ()
    return (f"{name}: a register{now}; `print {name}`, `last-writer {name}`", *named)


def _rules(_: Desk) -> Mapping[str, Lines]:
    return {
        rule.name: (
            f"{rule.name}: a rule, {rule.severity}: {rule.says}", f"  {rule.source}",
            f"  follows: {rule.follows}", f"  look at: {rule.look_at}",
        )
        for rule in RULES.values()
    }  # fmt: skip


def _injections(desk: Desk) -> Mapping[str, Lines]:
    """Every kind, also those that another platform has."""
    from emu.inject.kinds import KINDS  # 60 files: loaded when somebody looks

    here = {one.name: one for one in menu.menu(desk.machine, focused(desk)).kinds}
    return {
        kind.name: menu.kind_lines(here[kind.name])
        if kind.name in here
        else menu.elsewhere(desk.machine, kind.name) or ()
        for kind in KINDS
    }


def _states(_: Desk) -> Mapping[str, Lines]:
    return {
        name: (f"{name}: a state of a CPU: {words}; `cpus {name}` lists them",)
        for name, words in MEANINGS.items()
    }


def _roles(desk: Desk) -> Mapping[str, Lines]:
    board, found = desk.machine.board, {}
    for name, words in (*ROLES.items(), *DATA_ROLES.items()):
        symbol = board.layout.symbols.name
        places = ", ".join({symbol(at) or f"{at:#x}": at for at in board.roles.of(name)})
        what = "a CPU that comes there" if name in ROLES else "there lies"
        found[str(name)] = (
            f"{name}: a role of a place: {what} {words}; here {places or 'nothing is known'}",
        )
    return found


def _milestone(point: NamedPoint) -> str:
    roles = f"; it plays {', '.join(point.roles)}" if point.roles else ""
    return f"{point.name}: a milestone: a CPU that comes there {point.words}{roles}"


def _milestones(desk: Desk) -> Mapping[str, Lines]:
    points = desk.machine.board.roles.points.values()
    return {
        point.name: (
            _milestone(point),
            f"  `goto {point.name}`, `catch milestone {point.name}`",
        )
        for point in points
    }


def _events(desk: Desk) -> Mapping[str, Lines]:
    stops = {*catch.EVENTS}
    return {
        kind: (
            f"{kind}: a kind of event; `events {kind}` lists them"
            + (f", `catch {kind}` stops at one" if kind in stops else ""),
        )
        for kind in get_args(EventKind)
    }


def _catches(_: Desk) -> Mapping[str, Lines]:
    exits = {
        kind: (
            f"{kind}: a kind of exit; `exits {kind}` lists them, `catch {kind}` stops at one",
        )
        for kind in catch.EXITS
    }
    return exits | {
        kind: (f"`catch {kind}` stops when {' or '.join(names)} of a CPU changes",)
        for kind, names in catch.REGISTERS.items()
    }


def _mailbox(_: Desk) -> Mapping[str, Lines]:
    fields = {
        name: (
            f"mailbox.{one.name}: {one.size} bytes at {one.offset:#x} of the mailbox page "
            "(ACPI 6.6, 5.2.12.19)",
        )
        for one in FIELDS
        for name in (one.name, f"mailbox.{one.name}")
    }  # fmt: skip
    return fields | {
        name: (f"{name}: command {number} of the mailbox (ACPI 6.6, 5.2.12.19)",)
        for number, name in MAILBOX_COMMANDS.items()
    }


def _calls(_: Desk) -> Mapping[str, Lines]:
    """Hypercalls, TDCALL leaves and MSRs."""
    found = {
        call.name: (f"{call.name}: hypercall {call.code:#x} of Hyper-V (TLFS)",)
        for call in HYPERCALLS
    }
    for leaf in LEAVES:
        name = f"TDG.{leaf.name}"
        found[name] = (f"{name}: leaf {leaf.number} of TDCALL (TDX module)",)
    for msr in MSRS:
        ways = " and ".join(
            way for way, it in (("read", msr.read), ("written", msr.write)) if it is not None
        )
        last = f" to {msr.number + msr.count - 1:#x}" if msr.count > 1 else ""
        found[msr.name] = (f"{msr.name}: MSR {msr.number:#x}{last}; it can be {ways}",)
    return found


def _exceptions(_: Desk) -> Mapping[str, Lines]:
    return {
        name: (
            f"{name}: exception {vector}"
            + (" with an error code" if vector in interrupt.HAVE_ERROR_CODE else "")
            + f" (SDM 3, table 6-1); `catch exception {name}` stops at one",
        )
        for vector, name in enumerate(interrupt.NAMES)
        if not name.startswith("exception")
    }


_SPACES: Final = {
    "gva": "an address as a CPU's own page tables have it: gva:rsp",
    "gpa": "an address of guest memory, behind the CPU's tables: gpa:0x8000000",
    "hpa": "an address of the host's memory, behind the nested table: hpa:0x4000000",
    "pte": "`pte:GVA` is the entry of the CPU's own tables that maps an address",
    "npt": "`npt:GPA` is the nested table's entry for a page",
    "dtb": "`dtb:/node/property` is a number in the device tree that the kernel was handed",
    "tick": "how many instructions all CPUs have executed; `goto 1000`, `print tick`",
    "cpu": "in an expression the number of the CPU in focus: `break main if cpu == 2`",
}


_STEPS: Final[dict[ApState, str]] = {
    "starting": "it is not at the mailbox yet, whether it runs or not",
    "woken": "a Wakeup names it, and it has not cleared the command",
    "acked": "it has cleared the command, and is not at the vector yet",
}
"""Steps of a wake-up that are no role of a place."""


def _steps(_: Desk) -> Mapping[str, Lines]:
    return {
        name: (f"{name}: how far a CPU is with the mailbox: {words}; `mailbox` shows all",)
        for name, words in _STEPS.items()
    }


def _words(_: Desk) -> Mapping[str, Lines]:
    return {word: (f"{word}: {says}",) for word, says in _SPACES.items()}


def _sets(desk: Desk) -> Mapping[str, Lines]:
    """Every word of another debugger, and which of them the preset is needed for."""
    found = {}
    for name, words in OF.items():
        own = {one.word for one in SETS[name]}
        here = "; it is in force" if desk.looks.words == name else ""
        found[name] = (
            f"{name}: a set of keys and words, chosen by --keys {name}{here}",
            *(
                f"  {f'{one.word} {one.usage}':22} {one.ours}"
                + (f"   (with --keys {name})" if one.word in own else "")
                for one in words
            ),
        )
    return found


def _of_screen(desk: Desk) -> Mapping[str, Lines]:
    """What a front end explains itself."""
    return dict(desk.looks.explained)


def _symbol(desk: Desk, word: str) -> Lines:
    layout, rows = desk.machine.board.layout, []
    for at in layout.symbols.find(word):
        line = layout.lines.line_of(at)
        where = "" if line is None else f", {line[0]}:{line[1]}"
        rows.append(f"{word}: a symbol at {at:#x}{where}; `list {word}`, `break {word}`")
    return tuple(rows)


TOPICS: Final[tuple[Topic, ...]] = (
    _of(_injections), _of(_rules), _of(_states), _of(_steps), _of(_roles), _of(_milestones),
    Topic(lambda _: REGISTERS, _register),
    _of(_events), _of(_catches), _of(_mailbox),
    _of(_calls), _of(_exceptions), _of(_words), _of(_sets), _of(_of_screen),
    Topic(lambda desk: desk.machine.board.layout.symbols.names(), _symbol),
)  # fmt: skip
"""In the order in which they are told."""
