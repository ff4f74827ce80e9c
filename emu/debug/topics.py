"""What is so here and now of words that can be explained, from the tables in which they stand.

A row of `TOPICS` is one kind of word: which there are, and lines on one of them: its value, its
places in this image, what can be done with it. What it means is told by the texts of its kinds
(`emu/texts`); words of no kind are explained by these lines alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from msgspec import Struct
from msgspec.structs import asdict

from emu.boot.roles import DATA_ROLES, ROLES
from emu.debug import catch
from emu.debug.aliases import OF, SETS
from emu.debug.desk import Desk, Lines, focused
from emu.given.plain import plain
from emu.hw import interrupt
from emu.inject import menu
from emu.judge.state import states
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
from emu.words.place import REGISTERS, place, register_of, value


class Topic(Struct, frozen=True):
    """One kind of words that can be explained."""

    words: Callable[[Desk], Iterable[str]]
    """All of them, as people write them."""
    lines: Callable[[Desk, str], Lines]
    """How it is with one of them here and now; nothing if it is none."""
    kinds: tuple[str, ...] = ()
    """The kinds of texts that say what these words mean."""


def _of(table: Callable[[Desk], Mapping[str, Lines]], *kinds: str) -> Topic:
    """A topic that is a table."""
    return Topic(table, lambda desk, word: table(desk).get(word, ()), kinds)


def _register(desk: Desk, word: str) -> Lines:
    """A register with its value and what its bits are called."""
    name = register_of(word)
    if name is None:
        return ()
    bits = registers.names_of_bits(name)
    named = (f"its bits: {', '.join(f'{bit} {one}' for bit, one in bits)}",) if bits else ()
    ways = f"`print {name}`, `last-writer {name}`, `break ... if {name} == 0`"
    return (f"{name} {_now(desk, name)}", *named, ways)


def _now(desk: Desk, register: str) -> str:
    """What a register of the CPU in focus holds."""
    context = focused(desk).context
    value = "nothing: it has not started" if context is None else f"{context.get(register):#x}"
    return f"of cpu {desk.focus} holds {value}"


def _bits_of(register: str) -> Topic:
    """The bits of a register: whether one is set now."""

    def lines(desk: Desk, word: str) -> Lines:
        bits = {name: bit for bit, name in registers.names_of_bits(register)}
        context, bit = focused(desk).context, bits.get(word)
        if bit is None:
            return ()
        now = "" if context is None else f": {word} is {context.get(register) >> bit & 1}"
        return (f"bit {bit}; {register} {_now(desk, register)}{now}",)

    names = tuple(name for _, name in registers.names_of_bits(register))
    return Topic(lambda _: names, lines, (register,))


def _rules(_: Desk) -> Mapping[str, Lines]:
    return {
        rule.name: (
            f"{rule.name}: a rule, {rule.severity}: {rule.says}", f"  {rule.source}",
            f"  follows: {rule.follows}", f"  look at: {rule.look_at}",
            f"  `findings {rule.name}`, `goto {rule.name}`",
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


def _states(desk: Desk) -> Mapping[str, Lines]:
    """How many CPUs are in a state."""
    count = Counter(states(desk.machine))
    every = len(desk.machine.board.cpus)
    return {
        name: (f"{count[name]:,} of {every:,} CPUs now; `cpus {name}` lists them",)
        for name in MEANINGS
    }


def _steps(_: Desk) -> Mapping[str, Lines]:
    return dict.fromkeys(get_args(ApState), ("`mailbox` shows how far each AP is",))


def _roles(desk: Desk) -> Mapping[str, Lines]:
    board, found = desk.machine.board, {}
    for name, words in (*ROLES.items(), *DATA_ROLES.items()):
        symbol = board.layout.symbols.name
        places = ", ".join({symbol(at) or f"{at:#x}": at for at in board.roles.of(name)})
        what = "a CPU that comes there" if name in ROLES else "there lies"
        found[str(name)] = (f"{what} {words}; in this image: {places or 'not known'}",)
    return found


def _milestones(desk: Desk) -> Mapping[str, Lines]:
    points = desk.machine.board.roles.points.values()
    return {
        point.name: (
            f"a CPU that comes there {point.words}"
            + (f"; it plays {', '.join(point.roles)}" if point.roles else ""),
            f"`goto {point.name}`, `catch milestone {point.name}`",
        )
        for point in points
    }


def _events(desk: Desk) -> Mapping[str, Lines]:
    stops = {*catch.EVENTS}
    return {
        kind: (
            f"`events {kind}` lists them"
            + (f", `catch {kind}` stops at one" if kind in stops else ""),
        )
        for kind in get_args(EventKind)
    }


def _catches(_: Desk) -> Mapping[str, Lines]:
    exits = {
        kind: (f"`exits {kind}` lists them, `catch {kind}` stops at one",)
        for kind in catch.EXITS
    }
    return exits | {
        kind: (f"`catch {kind}` stops when {' or '.join(names)} of a CPU changes",)
        for kind, names in catch.REGISTERS.items()
    }


def _mailbox(desk: Desk) -> Mapping[str, Lines]:
    found = {}
    for one in FIELDS:
        now, name = "", f"mailbox.{one.name}"
        if desk.machine.board.mailbox_gpa is not None:
            now = f", now {value(desk.machine, place(desk.machine, focused(desk), name)):#x}"
        ways = f"`watch {name}`, `last-writer {name}`"
        where = f"{one.size} bytes at {one.offset:#x} of the mailbox page{now}"
        found[one.name] = found[name] = (where, ways)
    return found


def _commands(_: Desk) -> Mapping[str, Lines]:
    return {
        name: (f"command {number} of the mailbox; `catch mailbox` stops at each",)
        for number, name in MAILBOX_COMMANDS.items()
    }


def _hypercalls(_: Desk) -> Mapping[str, Lines]:
    return {
        call.name: (f"hypercall {call.code:#x}; `exits {call.name}`, `catch hypercall`",)
        for call in HYPERCALLS
    }


def _leaves(_: Desk) -> Mapping[str, Lines]:
    names = ((f"TDG.{leaf.name}", leaf.number) for leaf in LEAVES)
    return {
        name: (f"leaf {number} of TDCALL; `exits {name}`, `catch tdcall`",)
        for name, number in names
    }


def _msrs(_: Desk) -> Mapping[str, Lines]:
    found = {}
    for msr in MSRS:
        ways = " and ".join(
            way for way, it in (("read", msr.read), ("written", msr.write)) if it is not None
        )
        last = f" to {msr.number + msr.count - 1:#x}" if msr.count > 1 else ""
        found[msr.name] = (f"MSR {msr.number:#x}{last}; it can be {ways}",)
    return found


def _exceptions(_: Desk) -> Mapping[str, Lines]:
    return {
        name: (
            f"exception {vector}"
            + (" with an error code" if vector in interrupt.HAVE_ERROR_CODE else "")
            + f"; `catch exception {name}` stops at one",
        )
        for vector, name in enumerate(interrupt.NAMES)
        if not name.startswith("exception")
    }


def _of_the_machine(desk: Desk) -> Mapping[str, Lines]:
    """What one machine has one of."""
    board, last = desk.machine.board, desk.timeline.end.tick
    platform = board.platform
    return {
        "tick": (f"it is tick {board.tick:,}; tick {last:,} is the last that is known",),
        "seed": (f"of this machine: {board.seed}",),
        "schedule": (f"in force: {desk.timeline.driver.schedule.chooser.text}",),
        "platform": (
            f"this one is {platform.name}: {len(board.cpus):,} CPUs, isolation "
            f"{platform.isolation}, APs started by {platform.start}",
        ),
    }  # fmt: skip


def _platform_keys(desk: Desk) -> Mapping[str, Lines]:
    """Keys of [numa] and [openhcl], with their values here."""
    platform = desk.machine.board.platform
    return {
        f"{table}.{name}": (f"of this machine: {_shown(held)}",)
        for table, one in (("numa", platform.numa), ("openhcl", platform.openhcl))
        for name, held in asdict(one).items()
    }


def _shown(value: object) -> str:
    """A key's value: how many there are of a list."""
    if isinstance(value, tuple):
        return f"{len(value)} given" if value else "none given"
    return "not told" if value is None else plain(str(value)) or "none"


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
    _of(_injections, "injection"), _of(_rules, "rule"), _of(_states, "state"),
    _of(_steps, "step"), _of(_roles, "role"), _of(_milestones, "milestone"),
    Topic(lambda _: REGISTERS, _register, ("register",)),
    _bits_of("cr0"), _bits_of("cr4"), _bits_of("efer"), _bits_of("rflags"),
    _of(_events, "event"), _of(_catches, "exit"), _of(_mailbox, "mailbox_field"),
    _of(_commands, "mailbox_command"), _of(_hypercalls, "hypercall"),
    _of(_leaves, "tdcall_leaf"), _of(_msrs, "msr"), _of(_exceptions, "exception"),
    _of(_of_the_machine, "term"), _of(_platform_keys, "platform_key"),
    _of(_sets), _of(_of_screen),
    Topic(lambda desk: desk.machine.board.layout.symbols.names(), _symbol),
)  # fmt: skip
"""In the order in which they are told."""
