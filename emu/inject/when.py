"""The moment of an injection in words: `at MOMENT [cpu N] [nth N]`.

MOMENT is `tick N`, `time NS`, `mailbox FIELD[=VALUE]`, `exit TEXT` (before it is answered; TEXT
are parts of names, and numbers, as in the log of exits), `event TEXT`, or a place of code:
a symbol, which a milestone is too, a role (`parked`, `os-entry`, ...), `file:line` or an
address. A role that no place of the images plays is met when a CPU is seen to play it.
"""

from emu.boot.roles import ROLES, SEEN
from emu.errors import CommandError
from emu.given.number import number
from emu.inject.parameter import CPU, duration
from emu.machine.injected import Trigger
from emu.machine.machine import Machine
from emu.mailbox.layout import COMMANDS, FIELDS
from emu.vmm.wanted import wanted_exit
from emu.words.where import resolve

USAGE = (
    "at takes tick N, time NS, mailbox FIELD[=VALUE], exit TEXT, event TEXT, a symbol, a role "
    f"({', '.join(ROLES)}), file:line or an address; then cpu N, nth N"
)


def when(machine: Machine, words: list[str]) -> tuple[Trigger, int]:
    """The trigger, and the how-manieth time it means; raises CommandError."""
    cpu, nth = None, 1
    while len(words) > 2 and words[-2] in ("cpu", "nth"):
        *words, what, count = words
        if what == "cpu":
            cpu = int(CPU.read(machine, count, "at cpu"))
        else:
            nth = number(count, "at nth")
            if not nth:
                raise CommandError("at nth: the first time is 1")
    if not words:
        raise CommandError(USAGE)
    return _trigger(machine, words, cpu), nth


def _trigger(machine: Machine, words: list[str], cpu: int | None) -> Trigger:
    word, rest = words[0], words[1:]
    match word:
        case "tick" if len(rest) == 1:
            at = number(rest[0], "at tick")
            if cpu is not None:
                raise CommandError("at tick: ticks are all CPUs' together: no cpu")
            return Trigger("tick", number=at)
        case "time" if len(rest) == 1:
            if cpu is not None:
                raise CommandError("at time: the time is all CPUs' together: no cpu")
            return Trigger("time", number=duration(rest[0], "at time"))
        case "mailbox" if len(rest) == 1:
            return _mailbox(machine, rest[0], cpu)
        case "exit" if rest:
            return Trigger("exit", wanted=wanted_exit(" ".join(rest)), cpu=cpu)
        case "event" if rest:
            return Trigger("event", text=" ".join(rest).lower(), cpu=cpu)
        case _ if word in SEEN and not _has_place(machine, word):
            return Trigger("event", text=f"reaches {word}", cpu=cpu)
        case _ if len(words) == 1:
            return Trigger("code", addresses=frozenset(resolve(machine, word)), cpu=cpu)
    raise CommandError(USAGE)


def _has_place(machine: Machine, word: str) -> bool:
    """Whether a symbol has that name, or a place of the images that role."""
    return bool(machine.board.layout.symbols.find(word) or machine.board.roles.of(word))


def _mailbox(machine: Machine, text: str, cpu: int | None) -> Trigger:
    """`command=wakeup`, `apic_id=3`, `vector`."""
    field, equals, value = text.partition("=")
    if machine.board.mailbox_gpa is None:
        raise CommandError("at mailbox: this image has no mailbox page")
    if field not in [one.name for one in FIELDS]:
        raise CommandError(
            f"at mailbox: the fields are {', '.join(one.name for one in FIELDS)}, not {field!r}"
        )
    names = {name.lower(): code for code, name in COMMANDS.items()}
    wanted = None
    if equals:
        known = field == "command" and value.lower() in names
        wanted = names[value.lower()] if known else number(value, f"at mailbox {field}")
    return Trigger("mailbox", text=field, value=wanted, cpu=cpu)
