"""Random lines of the command language: what each command takes, and what nothing takes."""

from collections.abc import Callable
from random import Random
from typing import Final

from emu.debug import language
from emu.debug.aliases import aliases
from emu.debug.catch import EVENTS, EXITS, REGISTERS
from emu.debug.command import Command, Slot
from emu.debug.commands import COMMANDS
from emu.inject.kinds import KINDS
from tests.fuzz import odd

_SMALL: Final = ("1", "2", "3", "7", "40", "500", "2_000", "20,000", "0x10")
PLACES: Final = (
    "rax", "rip", "cpu1:rsp", "cpu0:rflags", "mailbox.command", "mailbox.vector", "pte:rip",
    "npt:0x8000000", "gpa:0x8010000/4", "gva:0x8603f01/8", "hpa:0x4000000",
    "dtb:/cpus/#size-cells",
    "mailbox_wait", "mailbox_ack", "secondary_start", "_start", "wake_cpu", "kernel:_start",
    "main.c:20", "ap.c:1", "mailbox_loop.inc:60", "0x8400000", "0xfffff000", "mailbox_wait+0x6",
)  # fmt: skip
_EXPRESSIONS: Final = (
    "rax == 1", "cpu == 1 and tick > 40", "[rsp + 8]", "[rsp]/4 == 0", "not rax", "~rax",
    "mailbox.command == 1", "rax << 99", "rax >> rcx", "-1", "(rax)", "1 +", ") (", "rax = 1",
)  # fmt: skip
_EXPORTS: Final = ("a.json", "b.html", "c.trace", "d.md", "e", "x.json.html")
_MOMENTS: Final = (
    "tick {n}", "time {n}", "time 3us", "mailbox command", "mailbox command=wakeup nth {n}",
    "mailbox vector={n}", "exit tdcall", "exit rdmsr {n}", "event reaches",
    "mailbox_wait cpu {n}",
    "parked", "os-entry", "{p}", "main.c:{n}", "now", "",
)  # fmt: skip
_WRITING: Final = ("save", "export", "report", "write")
"""Commands that make files: their names stay in the folder where they are tried."""


def line(draw: Random) -> str:
    """One line, mostly a command that can be carried out."""
    command = draw.choice(COMMANDS)
    if draw.random() < 0.35:  # what moves the machine, so that there is a past
        command = language.BY_WORD[draw.choice(_MOVING)]
    text = _whole(draw, command)
    return harmless(_spoiled(draw, text) if draw.random() < 0.15 else text)


def of(draw: Random, word: str) -> str:
    """A line of one command."""
    return _whole(draw, language.BY_WORD[word])


def _whole(draw: Random, command: Command) -> str:
    others = (one.word for one in aliases("gdb").values() if one.ours == command.word)
    word = draw.choice((command.word, command.word, *others))
    return " ".join([word, *_rest(draw, command)])


_MOVING: Final = (
    "run", "step", "next", "until", "goto", "reverse-step", "reverse-next", "reverse-run",
    "inject", "set", "schedule", "hold", "release", "branch",
)  # fmt: skip


def _rest(draw: Random, command: Command) -> list[str]:
    """What stands behind a command's word."""
    if command.word in _SPECIAL and draw.random() < 0.85:
        return [_SPECIAL[command.word](draw)]
    slots = command.slots
    kept = [slot for slot in slots if slot.needed or draw.random() < 0.5]
    words = [_value(draw, slot) for slot in kept]
    if draw.random() < 0.1:
        words.append(odd.any_word(draw))
    return words


def _value(draw: Random, slot: Slot) -> str:
    chance = draw.random()
    if chance < 0.12:
        return odd.any_word(draw)
    if slot.choices and chance < 0.4:
        return draw.choice(slot.choices)
    if slot.is_number:
        return draw.choice(_SMALL) if chance < 0.75 else odd.number(draw)
    if slot.rest and chance < 0.6:
        return _expression(draw)
    return place(draw)


def place(draw: Random) -> str:
    """Something that has a place, or nothing does."""
    return draw.choice(PLACES) if draw.random() < 0.9 else odd.any_word(draw)


def _expression(draw: Random) -> str:
    one = draw.choice(_EXPRESSIONS)
    if draw.random() < 0.3:
        sign = draw.choice(("and", "+", "==", "<<", "/", "*", "||"))
        one = f"{one} {sign} {odd.any_word(draw)}"
    return one


def _count(draw: Random) -> str:
    return draw.choice(_SMALL) if draw.random() < 0.8 else odd.number(draw)


def injection(draw: Random) -> str:
    """What stands behind `inject`."""
    kind = draw.choice(KINDS)
    words = [kind.name]
    for one in kind.parameters:
        if one.default is not None and draw.random() < 0.5:
            break
        words.append(draw.choice((
            str(draw.randrange(4)), str(draw.randrange(4)), _count(draw), "3us", "rax",
            place(draw), odd.any_word(draw), one.default or "1", "any", "0x5",
        )))  # fmt: skip
    if draw.random() < 0.6:
        moment = draw.choice(_MOMENTS)
        words += ["at", moment.format(n=_count(draw), p=place(draw))]
    return " ".join(words)


def _schedule(draw: Random) -> str:
    return draw.choice((
        "timed", f"random {_count(draw)}", f"random {_count(draw)} quantum {_count(draw)}",
        f"switches {_count(draw)}:{draw.randrange(5)},{_count(draw)}:{odd.number(draw)}",
        f"first {draw.randrange(5)}", f"timed quantum {_count(draw)}", "quantum", "",
    ))  # fmt: skip


def _break(draw: Random) -> str:
    more = (
        "", f"cpu {draw.randrange(5)}", f"after {_count(draw)}", f"if {_expression(draw)}",
        "log", f"log {{{_expression(draw)}}}", "once", f"cpu {odd.number(draw)}",
    )  # fmt: skip
    return f"{place(draw)} {draw.choice(more)} {draw.choice(('', draw.choice(more)))}"


def _catch(draw: Random) -> str:
    kind = draw.choice((*EVENTS, *EXITS, *REGISTERS, odd.text(draw)))
    return f"{kind} {draw.choice(('', '', 'cpuid 0x1', 'page fault', odd.any_word(draw)))}"


def _goto(draw: Random) -> str:
    return draw.choice((
        _count(draw), str(draw.randrange(150_000)), "start", "end", f"#{_count(draw)}",
        f"@{_count(draw)}", f"{_count(draw)}us", "m", odd.any_word(draw),
    ))  # fmt: skip


def _set(draw: Random) -> str:
    return f"{place(draw)}={draw.choice((_count(draw), _expression(draw), ''))}"


_SPECIAL: Final[dict[str, Callable[[Random], str]]] = {
    "inject": injection, "schedule": _schedule, "break": _break, "catch": _catch,
    "goto": _goto, "set": _set, "print": _expression,
    "schedules": lambda draw: draw.choice(("2", "1 3", "3 quantum 50", odd.any_word(draw))),
    "hold": lambda draw: str(draw.randrange(5)), "release": lambda draw: str(draw.randrange(5)),
    "save": lambda draw: draw.choice(("s.apdbg", "/dev/full", "", "nowhere/s", odd.text(draw))),
    "export": lambda draw: draw.choice((*_EXPORTS, "/dev/full", odd.text(draw))),
    "branch": lambda draw: draw.choice(("main", "branch2", "b1", "b2", odd.text(draw))),
    "mark": lambda draw: draw.choice(("m", "n", odd.any_word(draw))),
}  # fmt: skip
"""Command -> what one writes behind it, where its slots do not say."""


def _spoiled(draw: Random, text: str) -> str:
    """The line with something wrong anywhere."""
    at, kind = draw.randrange(len(text) + 1), draw.randrange(4)
    if kind == 0:
        return text[:at] + odd.any_word(draw) + text[at:]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2:
        return text.replace(" ", draw.choice(("  ", "\t", "\u00a0", "\u3000", "\0", "")))
    return " ".join([*text.split(), odd.any_word(draw)])


def harmless(text: str) -> str:
    """The line, but that no file is made outside the folder of the moment."""
    words = text.split()
    command = language.command_of(text)
    if command is None or command.word not in _WRITING:
        return text
    kept = ("/dev/full",)
    names = [one if one in kept else one.replace("/", "_") for one in words[1:]]
    return " ".join([words[0], *names])
