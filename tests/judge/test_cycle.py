"""Circles of waits: their members, the holder of a lock, and who does not belong to one."""

from typing import Final

import pytest

from emu import Session
from tests.guest import boot

EACH_OTHER: Final = """
cpu0: mov dword ptr [{SHARED}], 1
w0: pause
    cmp dword ptr [{DATA}], 2
    jne w0
    hlt
cpu1: mov dword ptr [{DATA}], 1
w1: pause
    cmp dword ptr [{SHARED}], 2
    jne w1
    hlt
"""
HOLDER: Final = """
cpu0: mov dword ptr [{SHARED}], 1
w0: pause
    cmp dword ptr [{DATA}], 2
    jne w0
    hlt
start: mov ecx, 2000
work: dec ecx
    jnz work
"""
TAKERS: Final = {
    "exchange": """
take: mov eax, 1
    xchg eax, [{SHARED}]
    test eax, eax
    jz got
    pause
    jmp take
got: mov dword ptr [{DATA}], 2
    hlt
""",
    "test and exchange": """
take: mov eax, 1
    xchg eax, [{SHARED}]
    test eax, eax
    jz got
look: pause
    cmp dword ptr [{SHARED}], 0
    jne look
    jmp take
got: mov dword ptr [{DATA}], 2
    hlt
""",
    "compare and exchange": """
take: xor eax, eax
    mov edx, 1
    lock cmpxchg [{SHARED}], edx
    je got
    pause
    jmp take
got: mov dword ptr [{DATA}], 2
    hlt
""",
}
"""Ways to take the lock that CPU 0 holds."""


def circles(source: str, cpus: int = 2, **more: object) -> tuple[Session, list[str]]:
    """A guest that has hung, and what is said of circles."""
    session = boot(source, cpus=cpus, **more)
    assert session.do("run").outcome == "hung"
    return session, [one.text for one in session.findings() if one.rule == "wait-cycle"]


def test_two_that_wait_for_each_other_are_a_circle() -> None:
    _, (words,) = circles(EACH_OTHER)
    assert words == (
        "cpu 0 waits at w0 for [0x430000] == 2, which is for cpu 1 to change; "
        "cpu 1 waits at w1 for [0x420000] == 2, which is for cpu 0 to change"
    )


@pytest.mark.parametrize("way", TAKERS)
def test_the_holder_of_a_lock_is_named_though_it_took_it_before_anybody_waited(
    way: str,
) -> None:
    _, (words,) = circles(HOLDER + TAKERS[way])
    assert words.startswith("cpu 0 waits at w0 for [0x430000] == 2, which is for cpu 1")
    assert "cpu 1 wants the lock [0x420000] at " in words
    assert words.endswith(", which cpu 0 holds since tick 1")


def test_who_waits_for_a_cpu_that_is_gone_is_in_no_circle() -> None:
    source = """
cpu0: mov dword ptr [{SHARED}], 1
w0: pause
    cmp dword ptr [{DATA}], 2
    jne w0
cpu1: mov dword ptr [{DATA}], 1
    hlt
"""
    _, found = circles(source)
    assert found == []


def test_two_who_wait_for_a_third_are_in_no_circle() -> None:
    source = """
start: pause
    cmp dword ptr [{SHARED}], 7
    jne start
cpu2: mov dword ptr [{SHARED}], 1
    hlt
"""
    _, found = circles(source, 3)
    assert found == []


QUEUE: Final = """
cpu0: mov ecx, 500
early: dec ecx
    jnz early
    mov dword ptr [{DATA}], 0
w0: pause
    cmp dword ptr [{DATA}], 2
    jne w0
    hlt
cpu1: mov ecx, 2000
late: dec ecx
    jnz late
    mov dword ptr [{SHARED} + 64], 1
    lea rax, [{SHARED} + 64]
    xchg rax, [{SHARED}]
own: pause
    cmp dword ptr [{SHARED} + 64], 0
    jne own
    mov dword ptr [{DATA}], 2
    hlt
"""


def test_the_holder_of_a_queue_lock_is_not_known() -> None:
    session, found = circles(QUEUE)
    assert found == []
    assert [one.cpu for one in session.findings() if one.rule == "wait-cycle"] == []
    assert "last written by cpu 1" in "; ".join(session.do("why 1").reply), "it is its own cell"


@pytest.mark.parametrize("source", [EACH_OTHER, HOLDER + TAKERS["exchange"]])
def test_many_schedules_look_for_no_writers_and_leave_the_machine_where_it_stood(
    source: str,
) -> None:
    session = boot(source, cpus=2)
    before = session.timeline.now, session.digest()
    rows = session.do("schedules 5").reply
    assert "    5 hung, the first by seed 0" in rows
    assert not any("wait-cycle" in row for row in rows)
    assert (session.timeline.now, session.digest()) == before
    session.do("run")
    assert "wait-cycle" in [one.rule for one in session.findings()]
