"""Who wrote last what a CPU waits for: as a search through the whole past has it, and where
that was not made, it is said."""

from typing import Final

import pytest

from emu import Session, open_session
from emu.judge.verdict import WaitFact
from emu.judge.wait_facts import facts
from emu.judge.waiting import WaitWords
from emu.timeline import search
from emu.words.place import MemoryPlace
from tests.guest import boot

BEFORE: Final = """
cpu0: mov dword ptr [{SHARED}], 5
    mov ecx, 3000
work: dec ecx
    jnz work
wait: pause
    cmp dword ptr [{SHARED}], 6
    jne wait
    hlt
cpu1: mov ecx, 500
more: dec ecx
    jnz more
    mov dword ptr [{SHARED} + 4], 1
    hlt
"""
"""CPU 0 waits for a word that it stored itself long before; CPU 1 stored beside it."""


Last = tuple[int | None, int | None, bool]
"""Who, when, and whether that is known."""
NEVER: Final[Last] = (None, None, True)
UNKNOWN: Final[Last] = (None, None, False)


def last(fact: WaitFact) -> Last:
    return fact.last_writer, fact.tick, fact.known


def truth(session: Session, cpu: int) -> Last:
    """Who changed last what a CPU compares, by looking at every store since power-on."""
    machine = session.machine
    found: list[tuple[int, int | None]] = []
    said = WaitWords(machine).seen(machine.board.cpus[cpu])
    assert said is not None, "it waits"
    for hpa, count, _ in said.reads:
        place = MemoryPlace("", "hpa", hpa, hpa, count)
        one = search.last_access(session.timeline, place, lambda a: a.before != a.after)
        found += [] if one is None else [(one.tick, one.cpu)]
    tick, who = max(found, key=lambda one: one[0], default=(None, None))
    return who, tick, True


def waits(session: Session, *, searched: bool) -> dict[int, WaitFact]:
    some = facts(session.machine, session.timeline if searched else None)
    return {fact.cpu: fact for fact in some}


@pytest.mark.parametrize("platform", ["vbs", "tdx"])
def test_every_wait_of_a_boot_knows_its_last_writer_or_says_that_nobody_looked(
    platform: str,
) -> None:
    session = open_session(platform=platform, cpus=4)
    session.do("until secondary_online")
    told, unknown = 0, 0
    for _ in range(12):
        session.do("run 271")
        known, quick = waits(session, searched=True), waits(session, searched=False)
        for cpu, fact in known.items():
            right = truth(session, cpu)
            assert last(fact) == right, (session.timeline.now, fact)
            assert last(quick[cpu]) in (right, UNKNOWN)
            unknown += not quick[cpu].known
            told += 1
    assert told > 12 and unknown, "there were waits, and some began behind the last store"


def test_a_store_before_the_wait_began_is_found_and_not_that_of_the_word_beside_it() -> None:
    session = boot(BEFORE, cpus=2)
    session.do("run")
    (quick,) = waits(session, searched=False).values()
    assert quick.written == (
        f"written before the wait began: `last-writer {quick.place}` finds it"
    )
    assert " 0x5 by cpu 0 at cpu0, tick 1" in session.do(f"last-writer {quick.place}").reply[0]
    (found,) = waits(session, searched=True).values()
    assert last(found) == (0, 1, True)
    assert session.do("waits").reply[0].endswith("; last written by cpu 0 at tick 1")


def test_a_page_that_was_left_for_a_while_is_not_taken_for_one_that_was_seen() -> None:
    source = """
cpu0: cmp dword ptr [{SHARED}], 1
    pause
    jne cpu0
    mov ecx, 4000
work: dec ecx
    jnz work
again: pause
    cmp dword ptr [{SHARED}], 9
    jne again
    hlt
cpu1: mov ecx, 300
more: dec ecx
    jnz more
    mov dword ptr [{SHARED}], 1
    mov ecx, 2000
most: dec ecx
    jnz most
    mov dword ptr [{SHARED}], 2
    hlt
"""
    session = boot(source, cpus=2)
    session.do("run")
    assert session.machine.tracked.writers, "the first wait's end was seen"
    (quick,) = waits(session, searched=False).values()
    assert last(quick) == UNKNOWN
    (found,) = waits(session, searched=True).values()
    assert last(found) == truth(session, 0) and found.last_writer == 1


def test_nobody_is_only_said_of_what_nobody_has_written() -> None:
    session = boot("start: pause\n cmp dword ptr [{SHARED}], 1\n jne start\n hlt")
    session.do("run")
    (fact,) = waits(session, searched=True).values()
    assert last(fact) == NEVER == truth(session, 0)
    assert fact.written == "nobody has written it since power-on"


def test_a_search_leaves_the_machine_where_it_was() -> None:
    session = boot(BEFORE, cpus=2)
    session.do("run")
    before = session.timeline.now, session.digest(), session.machine.board.work
    waits(session, searched=True)
    assert (session.timeline.now, session.digest(), session.machine.board.work) == before


def test_a_past_that_is_too_long_to_run_again_is_not_searched() -> None:
    session = boot(BEFORE, cpus=2)
    session.do("run")
    loop = session.machine.waits.waiting[0].loop
    (where,) = (MemoryPlace("", "hpa", hpa, hpa, count) for hpa, count, _ in loop.reads)
    assert search.last_changes(session.timeline, [where], 10) == {}
    found = search.last_changes(session.timeline, [where], 1_000_000)[where]
    assert found is not None and (found.cpu, found.tick) == (0, 1)
