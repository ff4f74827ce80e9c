"""Code that stores to itself: counted once, stepped over, its flags as they were."""

from typing import Final

import pytest

from emu.hw.engine_alone import STORES_MAX
from emu.machine.own_code import OwnCode
from emu.machine.pause import Pause
from emu.timeline.digest import Digest
from emu.timeline.moment import START, Moment
from emu.timeline.timeline import Timeline
from tests.guest import FOREVER, SHARED, Guest, go_on, label, word

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


def stepped(timeline: Timeline) -> Timeline:
    """A guest taken to its end one tick at a time."""
    assert isinstance(timeline.machine.board.engine.own_code, OwnCode)
    while timeline.machine.board.cpus[0].activity == "running":
        tick = timeline.machine.board.tick
        assert tick < 100, "a step gets nowhere"
        timeline.driver.drive(Moment(tick + 1))
    return timeline


@pytest.mark.parametrize("source", [NEXT, STRING, BEFORE])
def test_a_store_to_its_own_block_counts_once_and_is_stepped_over(source: str) -> None:
    whole, single = Guest(source).timeline(), Guest(source).timeline()
    found, wanted = Digest(whole.machine), Digest(single.machine)
    whole.driver.drive(FOREVER)
    stepped(single)
    assert (whole.now.tick, found.now()) == (single.now.tick, wanted.now())
    whole.goto(START)
    whole.goto(Moment(single.now.tick))
    assert found.now() == wanted.now()


def test_what_was_stored_is_executed_and_the_flags_outlive_it() -> None:
    board = stepped(Guest(NEXT).timeline()).machine.board
    assert board.tick == 7
    assert word(board, SHARED + 8, 4) == 0x2FC51A90
    assert word(board, SHARED, 1) == 1


def test_a_breakpoint_at_such_a_store_stops_once() -> None:
    driver = Guest(NEXT).driver()
    board = driver.machine.board
    board.addresses.stop(label(board, "start") + 10, None)
    assert (go_on(driver), board.tick) == (Pause.BREAKPOINT, 2)
    assert (go_on(driver), board.tick) == (Pause.HUNG, 7)


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
    timeline = Guest(TWICE).timeline()
    digest = Digest(timeline.machine)
    timeline.driver.drive(FOREVER)
    end = digest.now()
    assert word(timeline.machine.board, SHARED) == 0x37
    for _ in range(2):
        timeline.goto(START)
        timeline.driver.drive(FOREVER)
        assert digest.now() == end


LONG: Final = """
start: lea rbx, [rip + 3f]
    mov ecx, 1300
2:  mov [rbx + 1], ecx
3:  mov eax, 0
    add [{SHARED}], rax
    dec ecx
    jnz 2b
    hlt
"""
"""Changes the instruction behind the store again and again."""


def test_a_guest_that_stores_to_its_code_for_long_is_left_to_look_at_the_keys() -> None:
    looked, whole = Guest(LONG).timeline(), Guest(LONG).timeline()
    engine, found = looked.machine.board.engine, []
    while looked.machine.board.cpus[0].activity == "running":
        before = engine.stores
        pause = looked.driver.stretch(FOREVER)
        found.append(engine.stores - before)
        assert pause in (Pause.SLICE, Pause.OUTCOME, Pause.HUNG)
    assert sum(found) == 1300 and max(found) == STORES_MAX
    stepped_once = Digest(looked.machine).now()
    whole.driver.drive(Moment(700))
    whole.driver.drive(FOREVER)
    assert Digest(whole.machine).now() == stepped_once
