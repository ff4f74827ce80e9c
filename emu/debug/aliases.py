"""Other words for what we have: short ones, and those of gdb, WinDbg and vim.

An alias is written out in our own words (`ours`), and only those are read: there is one parser.
Most of them always work. Those that mean another thing in another debugger (`p` prints in gdb
and steps over in WinDbg) belong to a set of words, which comes with the preset of keys.
Numbers are ours in all of them: decimal, or with 0x. The words are those of the GDB manual
(Continuing and Stepping, Examining Memory, `info`), and of the WinDbg command reference.
"""

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.errors import CommandError
from emu.given.number import how_often, is_digits

FORMATS: Final = "xduotacsiz"
SIZES: Final = {"b": 1, "h": 2, "w": 4, "g": 8}
"""Letters of `x/NFU`; z is x with zeros in front."""


class Alias(Struct, frozen=True):
    """One word, and the words of ours that it stands for."""

    word: str
    ours: str
    """What is typed behind the word comes behind these; with `read`: how they look."""
    read: Callable[[list[str]], str] | None = None
    """The words behind it -> the whole command in our words; raises CommandError."""
    usage: str = ""
    """What stands behind the word, for help, where that is read in a way of its own."""
    glued: bool = False
    """What comes behind it needs no space: `x/8gx`, `~2s`."""

    @property
    def told(self) -> str:
        """`x/NFU WHERE: stands for ...`."""
        space = "" if self.glued or not self.usage else " "
        return f"{self.word}{space}{self.usage}: stands for `{self.ours}`"

    def written_out(self, words: list[str]) -> str:
        """The command in our words."""
        return " ".join((self.ours, *words)) if self.read is None else self.read(words)


def _examine(words: list[str]) -> str:
    """`/NFU WHERE`."""
    found = re.fullmatch(r"([0-9]*)([a-z]*)", words[0]) if words else None
    if found is None or len(words) < 2:
        raise CommandError("x/: takes x/NFU WHERE, as in x/8gx $rsp")
    count = how_often(found[1], "x/ count") if found[1] else 1
    form, size = "x", ""
    for letter in found[2]:
        if letter not in FORMATS and letter not in SIZES:
            raise CommandError(
                f"x/{words[0]}: {letter!r} is no format ({' '.join(FORMATS)}) and no size "
                f"({' '.join(SIZES)})"
            )
        form, size = (letter, size) if letter in FORMATS else (form, letter)
    size = size or {"a": "g", "c": "b", "s": "b", "i": "b"}.get(form, "w")
    return f"examine {' '.join(words[1:])} {count} {size}{form}"


def _printed(words: list[str]) -> str:
    """`/F EXPR`: `print` says hex and decimal at once."""
    if len(words) < 2 or words[0] not in FORMATS:
        raise CommandError("p/: takes p/x EXPR; print says hex and decimal at once")
    return f"print {' '.join(words[1:])}"


INFO: Final = {
    "registers": "registers", "all-registers": "registers", "breakpoints": "breakpoints",
    "watchpoints": "breakpoints", "threads": "cpus", "inferiors": "cpus", "stack": "bt",
    "frame": "bt", "symbol": "print", "address": "print", "line": "list", "source": "list",
    "checkpoints": "branches", "functions": "symbols", "variables": "symbols",
    "files": "symbols", "mem": "tables", "tlb": "tables",
}  # fmt: skip
"""What stands behind gdb's `info`; a beginning of it will do."""


def _info(words: list[str]) -> str:
    if not words:
        raise CommandError(f"info: takes one of {', '.join(INFO)}, or a command of ours")
    word, rest = words[0], words[1:]
    full = next((one for one in INFO if one.startswith(word)), "")
    ours = INFO.get(full, word)
    if ours == "registers" and rest:
        ours = "print"
    return " ".join((ours, *rest))


def _counted(word: str, form: str, count: int) -> Callable[[list[str]], str]:
    """`WHERE [Ln]` of WinDbg's d commands; without a place at the stack."""

    def read(words: list[str]) -> str:
        many, rest = count, list(words) or ["rsp"]
        if len(rest) > 1 and rest[-1][:1] in "lL" and is_digits(rest[-1][1:]):
            many = how_often(rest.pop()[1:], f"{word} count")
        if form:
            return f"examine {' '.join(rest)} {many} {form}"
        return f"mem {' '.join(rest)} {many}"

    return read


def _written(word: str, size: int) -> Callable[[list[str]], str]:
    """`WHERE VALUE` of WinDbg's e commands."""

    def read(words: list[str]) -> str:
        if len(words) != 2:
            raise CommandError(f"{word}: takes WHERE VALUE")
        return f"set {words[0]}/{size}={words[1]}"

    return read


def _registers(words: list[str]) -> str:
    """`r`, `r rax`, `r rax=5`."""
    if not words:
        return "registers"
    text = " ".join(words)
    return f"set {text}" if "=" in text else f"print {text}"


def _on_access(words: list[str]) -> str:
    """`ba r4|w8|e1 WHERE`."""
    found = re.fullmatch("([rwe])([1248])", words[0]) if len(words) == 2 else None
    if found is None:
        raise CommandError("ba: takes r, w or e with a size of 1, 2, 4 or 8, and WHERE")
    if found[1] == "e":
        return f"break {words[1]}"
    doing = {"r": "access", "w": "write"}[found[1]]
    return f"watch {words[1]}/{found[2]} {doing}"


def _cpu(words: list[str]) -> str:
    """`~`, `~2s`, `~2`."""
    if not words:
        return "cpus"
    number = words[0].removesuffix("s")
    if len(words) > 1 or not is_digits(number):
        raise CommandError("~: takes a CPU's number: ~2s; or nothing, for all of them")
    return f"cpu {number}"


def _go(words: list[str]) -> str:
    """`g`, `g WHERE`."""
    return " ".join(("until", *words)) if words else "run"


def _thread(words: list[str]) -> str:
    """`thread`, `thread 2`."""
    return " ".join(("cpu", *words)) if words else "cpus"


def _once(words: list[str]) -> str:
    """`tbreak WHERE`."""
    return " ".join(("break", *words[:1], "once", *words[1:]))


def _accessed(word: str, doing: str) -> Callable[[list[str]], str]:
    """`rwatch PLACE`, `awatch PLACE`."""

    def read(words: list[str]) -> str:
        if len(words) != 1:
            raise CommandError(f"{word}: takes PLACE")
        return f"watch {words[0]} {doing}"

    return read


SHORT: Final = (
    Alias("s", "step"), Alias("n", "next"), Alias("c", "run"), Alias("continue", "run"),
    Alias("u", "until"), Alias("b", "break"), Alias("d", "delete"), Alias("w", "watch"),
    Alias("l", "list"), Alias("x", "mem"), Alias("g", "goto"), Alias("h", "help"),
    Alias("p", "print"), Alias("rs", "reverse-step"), Alias("rn", "reverse-next"),
    Alias("rc", "reverse-run"), Alias("S", "reverse-step"), Alias("N", "reverse-next"),
    Alias("C", "reverse-run"), Alias("F", "reverse-finish"), Alias("show", "panel"),
    Alias("q", "quit"), Alias("exit", "quit"), Alias("q!", "quit"),
    Alias("wq", "quit"), Alias("qq", "quit"),
)  # fmt: skip
"""Short words of ours, most of them gdb's as well; capital letters are those of the keys."""
GDB: Final = (
    Alias("si", "step"), Alias("stepi", "step"), Alias("ni", "next"), Alias("nexti", "next"),
    Alias("fin", "finish"),
    Alias("where", "bt"), Alias("backtrace", "bt"), Alias("f", "frame"),
    Alias("thread", "cpu N", _thread, "[N]"), Alias("t", "cpu N", _thread, "[N]"),
    Alias("x/", "examine WHERE N UF", _examine, "NFU WHERE", glued=True),
    Alias("p/", "print EXPR", _printed, "F EXPR", glued=True),
    Alias("info", "registers, breakpoints, cpus, ...", _info, "WHAT"),
    Alias("i", "registers, breakpoints, cpus, ...", _info, "WHAT"),
    Alias("inspect", "print"), Alias("output", "print"), Alias("disassemble", "list"),
    Alias("disas", "list"), Alias("hbreak", "break"),
    Alias("tbreak", "break WHERE once", _once, "WHERE"),
    Alias("rwatch", "watch PLACE read", _accessed("rwatch", "read"), "PLACE"),
    Alias("awatch", "watch PLACE access", _accessed("awatch", "access"), "PLACE"),
    Alias("reverse-continue", "reverse-run"), Alias("reverse-stepi", "reverse-step"),
    Alias("reverse-nexti", "reverse-next"), Alias("rsi", "reverse-step"),
    Alias("rni", "reverse-next"),
)  # fmt: skip
"""Words of gdb that mean the same here."""
ALWAYS_OF_WINDBG: Final = (
    Alias("bp", "break"), Alias("bl", "breakpoints"), Alias("bc", "delete"),
    Alias("ba", "watch WHERE/SIZE write", _on_access, "wSIZE WHERE"),
    Alias("db", "mem WHERE N", _counted("db", "", 128), "[WHERE] [LN]"),
    Alias("dw", "examine WHERE N hx", _counted("dw", "hx", 64), "[WHERE] [LN]"),
    Alias("dd", "examine WHERE N wx", _counted("dd", "wx", 32), "[WHERE] [LN]"),
    Alias("dq", "examine WHERE N gx", _counted("dq", "gx", 16), "[WHERE] [LN]"),
    Alias("dps", "examine WHERE N ga", _counted("dps", "ga", 16), "[WHERE] [LN]"),
    Alias("da", "examine WHERE N bs", _counted("da", "bs", 1), "[WHERE] [LN]"),
    Alias("eb", "set WHERE/1=VALUE", _written("eb", 1), "WHERE VALUE"),
    Alias("ew", "set WHERE/2=VALUE", _written("ew", 2), "WHERE VALUE"),
    Alias("ed", "set WHERE/4=VALUE", _written("ed", 4), "WHERE VALUE"),
    Alias("eq", "set WHERE/8=VALUE", _written("eq", 8), "WHERE VALUE"),
    Alias("r", "registers, print REGISTER, set REGISTER=VALUE", _registers,
          "[REGISTER[=VALUE]]"),
    Alias("~", "cpus, cpu N", _cpu, "[Ns]", glued=True),
    Alias("k", "bt"), Alias(".frame", "frame"), Alias("gu", "finish"), Alias("uf", "list"),
    Alias("!pte", "walk"),
    Alias("lm", "symbols"), Alias("g-", "reverse-run"), Alias("t-", "reverse-step"),
    Alias("p-", "reverse-next"), Alias("!tt", "goto"), Alias(".restart", "reset"),
)  # fmt: skip
"""Words of WinDbg that no other set has: they work whatever the preset is."""
WINDBG: Final = (
    Alias("g", "run, until WHERE", _go, "[WHERE]"), Alias("t", "step"), Alias("p", "next"),
    Alias("u", "list"), Alias("x", "symbols"), Alias("?", "print"),
)  # fmt: skip
"""Words that mean another thing here than without the preset."""
VIM: Final = (
    Alias("w", "write"), Alias("w!", "write!"), Alias("x", "quit"), Alias("qa", "quit"),
    Alias("qa!", "quit"), Alias("reg", "registers"),
)  # fmt: skip
ALWAYS: Final = (*SHORT, *GDB, *ALWAYS_OF_WINDBG)
SETS: Final[dict[str, tuple[Alias, ...]]] = {"gdb": (), "windbg": WINDBG, "vim": VIM}
"""Set of words -> what it has, before what always works."""
OF: Final[dict[str, tuple[Alias, ...]]] = {
    "gdb": (*SHORT, *GDB), "windbg": (*WINDBG, *ALWAYS_OF_WINDBG), "vim": VIM,
}  # fmt: skip
"""All words of another program that we know, whether they always work or not."""
DEFAULT: Final = "gdb"


def aliases(words: str) -> dict[str, Alias]:
    """By word, those that work with a set of words."""
    return {one.word: one for one in (*ALWAYS, *SETS[words])}


_BY_SET: Final = {name: aliases(name) for name in SETS}


def find(word: str, words: str) -> tuple[Alias, str] | None:
    """The alias that a word is, or begins with, and what is left of the word."""
    table = _BY_SET[words]
    if word in table:
        return table[word], ""
    glued = (one for one in table.values() if one.glued and word.startswith(one.word))
    found = next(glued, None)
    return None if found is None else (found, word[len(found.word) :])
