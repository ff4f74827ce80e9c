"""Code that stores to itself: counted once, stepped over, its flags as they were."""

from typing import Final

import pytest

from emu import Session
from emu.timeline.moment import START
from tests.guest import SHARED, boot, read
from tests.ways import run

NEXT: Final = """
start: lea rbx, [rip + 3f]
    cmp rsp, rbx
    mov dword ptr [rbx + 1], 0x2fc51a90
3:  mov eax, 7
    setb byte ptr [{SHARED}]
    mov [{SHARED} + 8], eax
    hlt
"""
"""The third instruction changes the fourth, in one block; RSP is below RBX: CF is set."""
STRING: Final = """
start: lea rdi, [rip + 3f]
    mov al, 0x90
    mov ecx, 5
    cmp rsp, rdi
    rep stosb
3:  mov eax, 7
    setb byte ptr [{SHARED}]
    mov [{SHARED} + 8], eax
    hlt
"""
"""REP STOSB makes five NOPs of the instruction behind it, byte by byte."""
BEFORE: Final = """
start: lea rbx, [rip + 2f]
    mov byte ptr [rbx], 0x90
    jmp 2f
2:  nop
    mov byte ptr [rbx + 8], 0x90
    nop
    nop
    nop
    nop
    mov dword ptr [{SHARED} + 8], 7
    hlt
"""
"""The page is open since a store before its code was ever executed."""


def stepped(source: str) -> Session:
    """A guest taken to its end one tick at a time."""
    session = boot(source)
    while session.verdict is None:
        assert session.machine.board.tick < 100, "a step gets nowhere"
        run(session, "run 1")
    return session


@pytest.mark.parametrize("source", [NEXT, STRING, BEFORE])
def test_a_store_to_its_own_block_counts_once_and_is_stepped_over(source: str) -> None:
    session, single = boot(source), stepped(source)
    run(session)
    assert session.machine.board.tick == single.machine.board.tick
    assert session.digest() == single.digest()
    session.timeline.goto(START)
    run(session, f"goto {single.machine.board.tick}")
    assert session.digest() == single.digest()


def test_what_was_stored_is_executed_and_the_flags_outlive_it() -> None:
    session = stepped(NEXT)
    assert session.machine.board.tick == 7
    assert read(session, SHARED + 8, 4) == 0x2FC51A90
    assert read(session, SHARED, 1) == 1


def test_a_breakpoint_at_such_a_store_stops_once() -> None:
    session = boot(NEXT)
    at = session.machine.board.layout.symbols.find("start")[0] + 10
    assert session.do(f"break {at:#x}").stop[0].kind != "breakpoint"
    view = session.do("run")
    assert (view.tick, view.stop[0].kind) == (2, "breakpoint")
    view = session.do("run")
    assert (view.tick, view.stop[0].kind) == (7, "outcome")


TWICE: Final = """
start: lea rbx, [rip + 3f]
    call 3f
    mov dword ptr [rbx + 1], 0x30
    call 3f
    hlt
3:  mov eax, 7
    add [{SHARED}], eax
    ret
"""
"""The second time the code at `3` is other code."""


def test_code_that_changed_is_translated_again_behind_a_way_back() -> None:
    """Other code that was translated is kept; this would add 0x30 twice."""
    session = boot(TWICE)
    run(session, "run")
    end = session.digest()
    assert read(session, SHARED, 8) == 0x37
    for _ in range(2):
        session.timeline.goto(START)
        run(session, "run")
        assert session.digest() == end
