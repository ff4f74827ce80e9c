"""The command language: the same words in keys, prompt, stories, headless runs and Python."""

from dataclasses import dataclass, fields

from emu.errors import CommandError


@dataclass(frozen=True, slots=True)
class Step:
    """Execute COUNT instructions of one CPU; the others stand still."""

    cpu: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Next:
    """Like step, but a CALL runs to its return and a REP to its end."""

    cpu: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Finish:
    """Run until the selected CPU returns from its function."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run all CPUs until something stops them, at most TICKS instructions."""

    ticks: int | None = None


@dataclass(frozen=True, slots=True)
class Until:
    """Run until any CPU reaches a symbol, `file:line`, address or milestone."""

    where: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Start again from the first instruction; breakpoints stay."""


@dataclass(frozen=True, slots=True)
class SelectCpu:
    """Put a CPU in focus."""

    cpu: int


@dataclass(frozen=True, slots=True)
class Break:
    """Stop every time a CPU (any, or the one named) reaches a place."""

    where: str
    cpu: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a breakpoint by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Mem:
    """Show memory: `gva:`, `gpa:` or `hpa:` before a symbol or address; gva is the default."""

    where: str
    count: int = 64


@dataclass(frozen=True, slots=True)
class Walk:
    """Show the two-dimensional walk of an address of the selected CPU."""

    where: str


@dataclass(frozen=True, slots=True)
class Npt:
    """Show the nested walk of a GPA, and the state of its page."""

    where: str


@dataclass(frozen=True, slots=True)
class Registers:
    """Show the registers of the selected CPU."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Show the mailbox decoded, and how far each AP is."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Show what every waiting CPU waits for, and who wrote that last."""


@dataclass(frozen=True, slots=True)
class Help:
    """Say what a command does; without a word, list them all."""

    word: str = ""


Command = (
    Step
    | Next
    | Finish
    | Run
    | Until
    | Reset
    | SelectCpu
    | Break
    | Delete
    | Mem
    | Walk
    | Npt
    | Registers
    | Mailbox
    | Waits
    | Help
)

WORDS: dict[str, type[Command]] = {
    "step": Step,
    "next": Next,
    "finish": Finish,
    "run": Run,
    "until": Until,
    "reset": Reset,
    "cpu": SelectCpu,
    "break": Break,
    "delete": Delete,
    "mem": Mem,
    "walk": Walk,
    "npt": Npt,
    "registers": Registers,
    "mailbox": Mailbox,
    "waits": Waits,
    "help": Help,
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
        return Break(words[0])
    if len(words) == 3 and words[1] == "cpu":
        return Break(words[0], number(words[2], "break cpu"))
    raise CommandError("break: takes WHERE [cpu N]")


_PARSERS = {"step": _parse_step, "next": _parse_step, "break": _parse_break}


def show(command: Command) -> str:
    """The text of a command; `parse(show(c)) == c`."""
    name = next(word for word, kind in WORDS.items() if isinstance(command, kind))
    if isinstance(command, Step | Next):
        cpu = "" if command.cpu is None else f" {command.cpu}"
        return f"{name}{cpu} {command.count}"
    if isinstance(command, Break):
        return f"break {command.where}" + ("" if command.cpu is None else f" cpu {command.cpu}")
    values = (getattr(command, slot.name) for slot in fields(command))
    return " ".join([name, *(str(value) for value in values if value not in (None, ""))])
