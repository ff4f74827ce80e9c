"""Guests that monitor a line and wait for it."""

from typing import Any, Final

from emu.boot.mwait import Depth
from emu.machine.board import Board
from tests.guest import SHARED, Guest, finish, word

DEPTHS: Final[tuple[Depth, ...]] = ("C1", "C6")
LEFT: Final = SHARED + 0x800
"""Where the guests of these tests note how far CPU 0 came."""
HANDLERS: Final = """
handler6:
    mov dword ptr [{SHARED} + 0x804], 6
    hlt
handler13:
    mov dword ptr [{SHARED} + 0x804], 13
    hlt
handler14:
    mov dword ptr [{SHARED} + 0x804], 14
    mov rax, cr2
    mov [{SHARED} + 0x808], rax
    pop rax
    mov [{SHARED} + 0x810], rax
    hlt
"""


def guest(source: str, cpus: int = 1, platform: str = "none", **more: Any) -> Guest:
    return Guest(source + HANDLERS, cpus, platform, mwait=DEPTHS, **more)


def ran(source: str, cpus: int = 1, platform: str = "none", **more: Any) -> Board:
    return finish(guest(source, cpus, platform, **more).driver())


def fault(board: Board) -> int:
    return word(board, SHARED + 0x804, 4)


MONITORS: Final = """
    mov eax, {DATA}
    xor ecx, ecx
    xor edx, edx
    monitor
"""
WAITS: Final = (
    MONITORS
    + """
    xor eax, eax
    xor ecx, ecx
    mwait
"""
)
NOTED: Final = """
    mov dword ptr [{SHARED} + 0x800], 1
    cli
    hlt
"""


def store(what: str, after: int = 3000) -> str:
    """A second CPU that works for a while, stores, and halts."""
    return f"""
cpu1:
    mov ebx, {{DATA}}
    mov ecx, {after}
work:
    dec ecx
    jnz work
    {what}
    cli
    hlt
"""
