"""The command language: the same words in keys, prompt, stories, headless runs and Python."""

from msgspec.structs import fields

from emu.debug import command as c
from emu.debug.command import Command
from emu.errors import CommandError
from emu.words.number import number

WORDS: dict[str, type[Command]] = {
    "step": c.Step,
    "next": c.Next,
    "finish": c.Finish,
    "run": c.Run,
    "until": c.Until,
    "reset": c.Reset,
    "cpu": c.SelectCpu,
    "break": c.Break,
    "catch": c.Catch,
    "breakpoints": c.Breakpoints,
    "delete": c.Delete,
    "cpus": c.Cpus,
    "list": c.List,
    "mem": c.Mem,
    "find": c.Find,
    "walk": c.Walk,
    "tables": c.Tables,
    "npt": c.Npt,
    "dtb": c.Dtb,
    "events": c.Events,
    "exits": c.Exits,
    "registers": c.Registers,
    "mailbox": c.Mailbox,
    "waits": c.Waits,
    "findings": c.Findings,
    "reverse-step": c.ReverseStep,
    "reverse-next": c.ReverseNext,
    "reverse-finish": c.ReverseFinish,
    "reverse-run": c.ReverseRun,
    "goto": c.Goto,
    "mark": c.Mark,
    "branches": c.Branches,
    "branch": c.Branch,
    "diff": c.Diff,
    "last-writer": c.LastWriter,
    "executed": c.Executed,
    "accessed": c.Accessed,
    "previous-change": c.PreviousChange,
    "next-change": c.NextChange,
    "watch": c.Watch,
    "print": c.Print,
    "set": c.Set,
    "inject": c.Inject,
    "hold": c.Hold,
    "release": c.Release,
    "schedule": c.Schedule,
    "save": c.Save,
    "export": c.Export,
    "help": c.Help,
    "rules": c.Rules,
    "races": c.Races,
}
ALIASES = {
    "s": "step",
    "n": "next",
    "c": "run",
    "continue": "run",
    "u": "until",
    "b": "break",
    "d": "delete",
    "x": "mem",
    "r": "registers",
    "h": "help",
    "rs": "reverse-step",
    "rn": "reverse-next",
    "rc": "reverse-run",
    "reverse-continue": "reverse-run",
    "g": "goto",
    "p": "print",
    "w": "watch",
    "l": "list",
    "i": "breakpoints",
}


def word(text: str) -> str:
    """The full first word of a command's text; empty for none."""
    first = text.split()[0] if text.split() else ""
    return ALIASES.get(first, first)


def parse(text: str) -> Command:
    """Read one command; raises CommandError with a sentence that names the word."""
    words = text.split()
    if not words:
        raise CommandError("an empty line is no command: try `help`")
    name = ALIASES.get(words[0], words[0])
    kind = WORDS.get(name)
    if kind is None:
        raise CommandError(f"{words[0]!r} is no command: `help` lists them")
    return _PARSERS.get(name, _parse_plain)(kind, name, words[1:])


def _parse_plain(kind: type[Command], name: str, words: list[str]) -> Command:
    """Arguments in the order of the fields; text or number by the field's type."""
    slots = fields(kind)
    if len(words) > len(slots):
        raise CommandError(f"{name}: too many words: {' '.join(words[len(slots) :])!r}")
    values: dict[str, int | str] = {}
    for slot, word in zip(slots, words, strict=False):
        values[slot.name] = word if slot.type is str else number(word, f"{name} {slot.name}")
    try:
        return kind(**values)  # type: ignore[arg-type]  # checked by the field types above
    except TypeError:
        raise CommandError(f"{name}: needs {slots[len(words)].name}") from None


def _parse_step(kind: type[Command], name: str, words: list[str]) -> Command:
    """`step`, `step N`, `step CPU N`, `step all N`: one number is a count, as gdb's users
    expect."""
    if name == "step" and words[:1] == ["all"] and len(words) <= 2:
        return c.Step(None, number(words[1], name) if len(words) == 2 else 1, True)
    if len(words) > 2:
        raise CommandError(f"{name}: takes [CPU] [N]")
    numbers = [number(word, name) for word in words]
    cpu = numbers[0] if len(numbers) == 2 else None
    return kind(cpu, numbers[-1] if numbers else 1)  # type: ignore[call-arg,arg-type]


def _parse_break(kind: type[Command], name: str, words: list[str]) -> Command:
    """`break WHERE [cpu N] [after N] [once] [log] [if EXPR]`."""
    usage = "break: takes WHERE [cpu N] [after N] [once] [log] [if EXPR]"
    if not words:
        raise CommandError("break: needs where")
    where, rest = words[0], words[1:]
    cpu, after, once, log, condition = None, 1, False, False, ""
    while rest:
        word = rest.pop(0)
        if word in ("cpu", "after") and rest:
            value = number(rest.pop(0), f"break {word}")
            cpu, after = (value, after) if word == "cpu" else (cpu, max(value, 1))
        elif word == "once":
            once = True
        elif word == "log":
            log = True
        elif word == "if" and rest:
            condition, rest = " ".join(rest), []
        else:
            raise CommandError(usage)
    return c.Break(where, cpu, after, once, log, condition)


def _parse_mem(kind: type[Command], name: str, words: list[str]) -> Command:
    """`mem WHERE [COUNT] [as KIND]`; WHERE may be several words where none is a count."""
    if not words:
        raise CommandError("mem: needs where")
    overlay = ""
    if len(words) >= 3 and words[-2] == "as":
        words, overlay = words[:-2], words[-1]
    count = 64
    if len(words) > 1 and words[-1][:1].isdigit() and words[-2][-1:].isalnum():
        words, count = words[:-1], number(words[-1], "mem count")
    return c.Mem(" ".join(words), count, overlay)


def _parse_find(kind: type[Command], name: str, words: list[str]) -> Command:
    """`find WHERE WHAT`; WHAT is the rest of the line."""
    if len(words) < 2:
        raise CommandError('find: takes [gpa:]WHERE "text", 0xNUMBER or hex bytes')
    return c.Find(words[0], " ".join(words[1:]))


def _parse_walk(kind: type[Command], name: str, words: list[str]) -> Command:
    """`walk WHERE [read|write|execute]`."""
    access = words.pop() if words and words[-1] in ("read", "write", "execute") else "read"
    if not words:
        raise CommandError("walk: needs where")
    return c.Walk(" ".join(words), access)


def _parse_watch(kind: type[Command], name: str, words: list[str]) -> Command:
    """`watch PLACE [read|write|access|change]`."""
    known = ("read", "write", "access", "change")
    if len(words) not in (1, 2) or (len(words) == 2 and words[1] not in known):
        raise CommandError(f"watch: takes PLACE [{'|'.join(known)}]")
    return c.Watch(*words)


def _parse_reverse_step(kind: type[Command], name: str, words: list[str]) -> Command:
    """`reverse-step`, `reverse-step N`, `reverse-step CPU N`, `reverse-step any [N]`."""
    if words[:1] == ["any"] and len(words) <= 2:
        return c.ReverseStep(None, number(words[1], name) if len(words) == 2 else 1, True)
    return _parse_step(kind, name, words)


def _parse_catch(kind: type[Command], name: str, words: list[str]) -> Command:
    """`catch KIND [TEXT]`."""
    if not words:
        raise CommandError("catch: needs what: `help catch`")
    return c.Catch(words[0], " ".join(words[1:]))


_MAY_BE_EMPTY = ("schedule", "npt", "tables", "dtb", "events", "exits", "cpus", "list")


def _parse_text(kind: type[Command], name: str, words: list[str]) -> Command:
    """All the words are one text."""
    if not words and name not in _MAY_BE_EMPTY:
        raise CommandError(f"{name}: needs words: `help {name}`")
    return kind(" ".join(words))  # type: ignore[call-arg,arg-type]


_PARSERS = {
    "step": _parse_step, "next": _parse_step, "break": _parse_break,
    "reverse-step": _parse_reverse_step, "catch": _parse_catch, "mem": _parse_mem,
    "find": _parse_find, "walk": _parse_walk, "watch": _parse_watch,
    **dict.fromkeys(("set", "inject", "save", "export", "print", *_MAY_BE_EMPTY), _parse_text),
}  # fmt: skip


def show(command: Command) -> str:
    """The text of a command; `parse(show(c)) == c`."""
    name = next(word for word, kind in WORDS.items() if isinstance(command, kind))
    match command:
        case c.Step(cpu, count, all_cpus):
            who = "all " if all_cpus else "" if cpu is None else f"{cpu} "
            return f"step {who}{count}"
        case c.Next(cpu, count):
            return f"next {'' if cpu is None else f'{cpu} '}{count}"
        case c.ReverseStep(cpu, count, any_cpu):
            who = "any " if any_cpu else "" if cpu is None else f"{cpu} "
            return f"{name} {who}{count}"
        case c.Break(where, cpu, after, once, log, condition):
            words = [f"break {where}", f"cpu {cpu}" if cpu is not None else ""]
            words += [f"after {after}" if after > 1 else "", "once" if once else ""]
            words += ["log" if log else "", f"if {condition}" if condition else ""]
            return " ".join(filter(None, words))
        case c.Mem(where, count, kind):
            return f"mem {where} {count}" + (f" as {kind}" if kind else "")
    values = (getattr(command, slot.name) for slot in fields(command))
    return " ".join([name, *(str(value) for value in values if value not in (None, ""))])
