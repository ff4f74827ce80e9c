"""CPUs that contend for a lock: no store of anybody is lost, and sleeping changes nothing.

A lap of such a loop stores, which no sample's loops do. With waiting switched off every lap is
executed, so that run is the reference.
"""

import pytest

from benchmarks.lock_guest import HALT_OF_TD, LOCKS, SLEEPING, TURNS, source
from emu import Session
from tests.guest import SHARED, boot, read

COUNTER, ORDER = SHARED + 0x100, SHARED + 0x200


def owners(session: Session, count: int) -> list[int]:
    """Who had the lock, in order."""
    return [read(session, ORDER + 4 * index, 4) for index in range(count)]


def registers(session: Session) -> list[tuple[int, ...]]:
    """What the CPUs end with."""
    names = ("rax", "rbx", "rbp", "rsp", "rdi")
    return [tuple(map(cpu.registers.get, names)) for cpu in session.machine.board.cpus]


@pytest.mark.parametrize("pause", [True, False], ids=["pause", "bare"])
@pytest.mark.parametrize("cpus", [2, 3, 4, 8])
@pytest.mark.parametrize("platform", ["none", "vbs", "tdx", "sipi"])
@pytest.mark.parametrize("kind", LOCKS)
def test_every_turn_at_a_lock_is_had_and_memory_ends_as_without_sleep(
    kind: str, platform: str, cpus: int, pause: bool
) -> None:
    ends = []
    for waiting in (True, False):
        halt = HALT_OF_TD if platform == "tdx" else "hlt"
        code = source(kind, pause, halt=halt)
        session = boot(code, cpus, platform, waiting=waiting)
        view = session.do("run")
        assert [cpu.state for cpu in view.cpus] == ["halted"] * cpus, waiting
        order = owners(session, cpus * TURNS)
        assert sorted(order) == sorted(list(range(cpus)) * TURNS)
        ends.append((read(session, COUNTER, 4), read(session, SHARED, 4), registers(session)))
    assert ends[0] == ends[1]
    assert ends[0][:2] == (cpus * TURNS, 0)


@pytest.mark.parametrize("kind", LOCKS)
def test_the_order_of_owners_is_that_without_sleep_where_the_schedule_is(kind: str) -> None:
    """One CPU holds the lock while the others come one by one, far apart: whoever came first
    has the next turn, and each has a turn before the next comes."""
    code = source(kind, pause=True, turns=1, hold=8_000)
    late = code.replace(
        "start:", "start: mov ecx, edi\n imul ecx, 20000\n inc ecx\n 9: dec ecx\n jnz 9b\n"
    )
    found = []
    for waiting in (True, False):
        session = boot(late, 4, waiting=waiting)
        session.do("run")
        found.append(owners(session, 4))
    assert found == [[0, 1, 2, 3]] * 2


def test_a_store_of_a_loop_that_somebody_undoes_is_made_again() -> None:
    """The loop stores without looking: who clears its flag finds it set a lap later."""
    code = """
    cpu0: mov ebx, {SHARED}
    1:  mov dword ptr [rbx], 1
        pause
        cmp dword ptr [rbx + 0x800], 0
        je 1b
        hlt
    cpu1: mov ebx, {SHARED}
        mov ecx, 20000
    2:  dec ecx
        jnz 2b
        mov dword ptr [rbx], 0
        mov ecx, 20000
    3:  dec ecx
        jnz 3b
        mov eax, [rbx]
        mov [rbx + 0x900], eax
        mov dword ptr [rbx + 0x800], 1
        hlt
    """
    for waiting in (True, False):
        session = boot(code, 2, waiting=waiting)
        session.do("run")
        assert read(session, SHARED + 0x900, 4) == 1, f"waiting {waiting}"


@pytest.mark.parametrize("pause", [True, False], ids=["pause", "bare"])
@pytest.mark.parametrize("kind", SLEEPING)
def test_every_contender_sleeps_not_only_the_first(kind: str, pause: bool) -> None:
    code = source(kind, pause, turns=1, hold=200_000)
    session = boot(code, 8)
    session.do("run 100000")
    states = [cpu.state for cpu in session.view().cpus]
    assert states.count("spinning") == 7, states
