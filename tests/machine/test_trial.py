"""A trial is taken back to the byte, and what others have stored meanwhile stays."""

from collections.abc import Iterator

import pytest

from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.machine.trial import TrialPlace
from tests.guest import BASE, MEMORY_BYTES, SHARED, Guest, step_to, word

SOURCE = """
start: mov ebx, {SHARED}
    mov dword ptr [rbx], 1
    mov eax, [rbx + 4]
head: pause
    rdtsc
    mov eax, 2
    xchg [rbx], eax
    add dword ptr [rbx + 4], 3
    cpuid
    hlt
"""


def at_head() -> tuple[Machine, Cpu]:
    """A machine whose only CPU is about to begin what is tried."""
    machine = Guest(SOURCE).machine()
    step_to(machine, 0, "head")
    return machine, machine.board.cpus[0]


def state(machine: Machine) -> Iterator[object]:
    """All that a trial must leave as it was."""
    board = machine.board
    first = board.ram.hpa(BASE)
    assert first is not None
    yield board.memory.read(first, MEMORY_BYTES)
    yield [cpu.save() for cpu in board.cpus]
    yield board.tick, board.beat, board.on_trial, board.logs.counts(), machine.private.seeing
    pages = range(BASE, BASE + MEMORY_BYTES, PAGE_BYTES)
    yield [page for page in pages if page in machine.tracked.lent]


def places(machine: Machine) -> tuple[TrialPlace, ...]:
    """What the code stores to."""
    hpa = machine.board.ram.hpa(SHARED)
    assert hpa is not None
    return (hpa, 4), (Hpa(hpa + 4), 4)


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("steps", range(6))
def test_whatever_was_executed_nothing_is_left_of_it(steps: int, tracked: bool) -> None:
    machine, cpu = at_head()
    if tracked:
        machine.tracked.add(SHARED, "wait")
    before = list(state(machine))
    with machine.trials.begin(cpu, 5_000_000, places(machine)):
        assert cpu.clock_ps == 5_000_000 and machine.board.on_trial
        assert all(machine.trials.step(cpu) for _ in range(min(steps, 5)))
        assert (word(machine.board, SHARED, 4) == 2) == (steps > 3)
    assert list(state(machine)) == before
    assert machine.board.npt.writable(SHARED) == (not tracked and True)


def test_it_is_taken_back_when_somebody_raises() -> None:
    machine, cpu = at_head()
    before = list(state(machine))
    with pytest.raises(KeyError), machine.trials.begin(cpu, 0, places(machine)):
        for _ in range(4):
            machine.trials.step(cpu)
        raise KeyError
    assert list(state(machine)) == before


def test_an_exit_that_others_could_notice_ends_it() -> None:
    machine, cpu = at_head()
    exits = len(machine.board.logs.exits)
    with machine.trials.begin(cpu, 0, places(machine)):
        for _ in range(5):
            assert machine.trials.step(cpu) is not None
        assert machine.trials.step(cpu) is None  # CPUID
    assert len(machine.board.logs.exits) == exits


def test_a_clock_that_is_read_shows_the_time_of_the_trial() -> None:
    machine, cpu = at_head()
    shown = []
    for start_ps in (7_000_000, 9_000_000):
        with machine.trials.begin(cpu, start_ps, ()):
            machine.trials.step(cpu)
            machine.trials.step(cpu)
            shown.append(cpu.registers.get("rdx") << 32 | cpu.registers.get("rax"))
    hertz = machine.board.platform.tsc_hz
    assert shown[1] - shown[0] == 2_000_000 * hertz // 10**12


def test_what_another_cpu_has_stored_before_stays() -> None:
    """Bytes are those of the trial's beginning, not of when a loop was seen first."""
    machine, cpu = at_head()
    where = places(machine)
    machine.stores.edit(SHARED, (9).to_bytes(4, "little"))
    with machine.trials.begin(cpu, 0, where):
        for _ in range(5):
            machine.trials.step(cpu)
        assert word(machine.board, SHARED, 4) == 2
    assert word(machine.board, SHARED, 4) == 9


def test_of_bytes_that_are_kept_twice_the_first_count() -> None:
    machine, cpu = at_head()
    (hpa, _), other = places(machine)
    with machine.trials.begin(cpu, 0, (other,)) as trial:
        trial.keep(hpa, 2)
        machine.board.memory.write(hpa, b"\x11\x11\x11\x11")
        trial.keep(hpa, 4)
        machine.board.memory.write(hpa, b"\x22\x22\x22\x22")
    assert word(machine.board, SHARED, 4) == 0x1111_0001
