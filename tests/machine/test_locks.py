"""CPUs that contend for a lock: no store of anybody is lost, and sleeping changes nothing.

A lap of such a loop stores, which no sample's loops do. With waiting switched off every lap is
executed, so that run is the reference.
"""

from typing import Final

import pytest

from emu import Session
from tests.guest import SHARED, boot, read

TURNS: Final = 3
HOLD: Final = 400
LOCKS: Final = {
    "xchg": ("mov eax, 1\n xchg [rbx], eax\n test eax, eax\n jz 2f", "mov dword ptr [rbx], 0"),
    "cmpxchg": ("xor eax, eax\n mov ecx, 1\n lock cmpxchg [rbx], ecx\n jz 2f",
                "mov dword ptr [rbx], 0"),
    "bts": ("lock bts dword ptr [rbx], 0\n jnc 2f", "lock btr dword ptr [rbx], 0"),
    "xadd": ("xor eax, eax\n lock xadd [rbx], eax\n test eax, eax\n jnz 5f\n"
             "mov eax, 1\n xchg [rbx], eax\n test eax, eax\n jz 2f\n 5:",
             "mov dword ptr [rbx], 0"),
    "attempt": ("mov eax, 1\n lock xadd [rbx], eax\n test eax, eax\n jz 2f\n"
                "lock dec dword ptr [rbx]",
                "lock dec dword ptr [rbx]"),
}  # fmt: skip
"""Kind -> one attempt that goes on to 2: with the lock taken, and how it is given back."""
SLEEPING: Final = tuple(kind for kind in LOCKS if kind != "attempt")
"""An attempt that is taken back is seen by the others: who makes it cannot sleep."""
COUNTER, ORDER = SHARED + 0x100, SHARED + 0x200
TAKE: Final = """
start:
    mov ebx, {{SHARED}}
    mov ebp, {turns}
again:
1:  {attempt}
    {pause}
    jmp 1b
2:  mov eax, [rbx + 0x100]
    mov ecx, {hold}
3:  dec ecx
    jnz 3b
    mov [rbx + 0x200 + rax * 4], edi
    inc eax
    mov [rbx + 0x100], eax
    {give}
    mov ecx, 30
4:  dec ecx
    jnz 4b
    dec ebp
    jnz again
    xor eax, eax
    hlt
"""


def source(kind: str, pause: bool, turns: int = TURNS, hold: int = HOLD) -> str:
    """CPUs that take a lock so many times each, and note under it who had it."""
    attempt, give = LOCKS[kind]
    return TAKE.format(
        attempt=attempt, give=give, pause="pause" if pause else "", turns=turns, hold=hold
    )


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
        session = boot(source(kind, pause), cpus, platform, waiting=waiting)
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
