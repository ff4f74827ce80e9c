"""A place as people name it on the way: also the memory that an expression points at."""

import re
from typing import Final

from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.words.expression import evaluate
from emu.words.place import Place, place

_OPERATORS: Final = re.compile(r"[\[(+*~$@-]")
"""What no name of a place has."""
_PARTS: Final = re.compile(r"(?:cpu(\d{1,9}):)?(?:(gva|gpa|hpa):)?(.+?)(?:/(\w+))?")
_SIZE: Final = "8"


def target(machine: Machine, focus: Cpu, text: str) -> Place:
    """A place of `emu.words.place`, or where an expression points now: `rsp+8`, `[rsp]/4`,
    `gpa:rax`. Raises CommandError."""
    try:
        return place(machine, focus, text)
    except CommandError:
        found = _PARTS.fullmatch(text)
        if found is None or not _OPERATORS.search(text):
            raise
    cpu, space, words, size = found.groups()
    if cpu is not None and int(cpu) < len(machine.board.cpus):
        focus = machine.board.cpus[int(cpu)]
    address = evaluate(machine, focus, _inside(words))
    who = f"cpu{cpu}:" if cpu is not None else ""
    return place(machine, focus, f"{who}{space or 'gva'}:{address:#x}/{size or _SIZE}")


def code_place(machine: Machine, focus: Cpu, where: str) -> str:
    """The same place of code as `emu.words.where` knows it, whatever CPU is in focus later: an
    expression such as `$rip` or `*$rip+4` is its value now. Raises CommandError."""
    if not set(where) & set("$@[") or machine.board.layout.symbols.find(where):
        return where
    return f"{evaluate(machine, focus, where.removeprefix('*')):#x}"


def _inside(words: str) -> str:
    """`rsp` of `[rsp]`: what lies there is meant, and so is it without brackets."""
    depth = 0
    for at, sign in enumerate(words):
        depth += {"[": 1, "]": -1}.get(sign, 0)
        if depth == 0:
            return words[1:-1] if words[0] == "[" and at == len(words) - 1 else words
    return words
