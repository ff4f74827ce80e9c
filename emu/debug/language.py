"""The command language: the same words in keys, prompt, stories, headless runs and Python."""

from dataclasses import fields

from emu.debug import command as c
from emu.debug.command import Command
from emu.errors import CommandError

WORDS: dict[str, type[Command]] = {
    "step": c.Step,
    "next": c.Next,
    "finish": c.Finish,
    "run": c.Run,
    "until": c.Until,
    "reset": c.Reset,
    "cpu": c.SelectCpu,
    "break": c.Break,
    "delete": c.Delete,
    "mem": c.Mem,
    "walk": c.Walk,
    "npt": c.Npt,
    "registers": c.Registers,
    "mailbox": c.Mailbox,
    "waits": c.Waits,
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
}


def number(text: str, what: str) -> int:
    """A whole number not below 0, decimal (with `,` or `_`) or 0x-hex."""
    try:
        value = int(text.replace(",", "_"), 0)
    except ValueError:
        raise CommandError(f"{what}: {text!r} is not a number") from None
    if value < 0:
        raise CommandError(f"{what}: {text!r} is below 0")
    return value


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
    """`step`, `step N`, `step CPU N`: one number is a count, as gdb's users expect."""
    if len(words) > 2:
        raise CommandError(f"{name}: takes [CPU] [N]")
    numbers = [number(word, name) for word in words]
    cpu = numbers[0] if len(numbers) == 2 else None
    return kind(cpu, numbers[-1] if numbers else 1)  # type: ignore[call-arg,arg-type]


def _parse_break(kind: type[Command], name: str, words: list[str]) -> Command:
    """`break WHERE [cpu N]`."""
    if len(words) == 1:
        return c.Break(words[0])
    if len(words) == 3 and words[1] == "cpu":
        return c.Break(words[0], number(words[2], "break cpu"))
    raise CommandError("break: takes WHERE [cpu N]")


def _parse_reverse_step(kind: type[Command], name: str, words: list[str]) -> Command:
    """`reverse-step`, `reverse-step N`, `reverse-step CPU N`, `reverse-step any [N]`."""
    if words[:1] == ["any"] and len(words) <= 2:
        return c.ReverseStep(None, number(words[1], name) if len(words) == 2 else 1, True)
    return _parse_step(kind, name, words)


def _parse_text(kind: type[Command], name: str, words: list[str]) -> Command:
    """All the words are one text."""
    if not words and name != "schedule":
        raise CommandError(f"{name}: needs words: `help {name}`")
    return kind(" ".join(words))  # type: ignore[call-arg,arg-type]


_PARSERS = {
    "step": _parse_step, "next": _parse_step, "break": _parse_break,
    "reverse-step": _parse_reverse_step, "set": _parse_text, "inject": _parse_text,
    "schedule": _parse_text, "save": _parse_text, "export": _parse_text,
}  # fmt: skip


def show(command: Command) -> str:
    """The text of a command; `parse(show(c)) == c`."""
    name = next(word for word, kind in WORDS.items() if isinstance(command, kind))
    if isinstance(command, c.Step | c.Next):
        cpu = "" if command.cpu is None else f" {command.cpu}"
        return f"{name}{cpu} {command.count}"
    if isinstance(command, c.ReverseStep):
        who = "any " if command.any_cpu else "" if command.cpu is None else f"{command.cpu} "
        return f"{name} {who}{command.count}"
    if isinstance(command, c.Break):
        return f"break {command.where}" + ("" if command.cpu is None else f" cpu {command.cpu}")
    values = (getattr(command, slot.name) for slot in fields(command))
    return " ".join([name, *(str(value) for value in values if value not in (None, ""))])
