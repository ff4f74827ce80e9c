"""Bytes that one CPU alone sees: its stores on their way out, and translations of old."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.hw.address import Gpa, Hpa
from emu.machine.machine import Machine
from emu.machine.private_bytes import Hidden
from tests.guest import DATA, Guest, step_to, word

BYTES = 16


def hpa(machine: Machine, gpa: int) -> Hpa:
    """Where a byte lies in the host."""
    found = machine.board.ram.hpa(gpa)
    assert found is not None
    return found


def store(machine: Machine, cpu: int, offset: int, data: bytes) -> bool:
    """A CPU stores, and the store waits."""
    place = hpa(machine, DATA + offset)
    machine.private.look(cpu)
    before = machine.board.memory.read(place, len(data))
    machine.board.memory.write(place, data)
    return machine.private.stored(
        machine.board.cpus[cpu], Gpa(DATA + offset), place, before, 0x1000
    )


def seen(machine: Machine, cpu: int | None) -> bytes:
    """What a CPU (None: nobody in particular) sees."""
    machine.private.look(cpu)
    return machine.board.memory.read(hpa(machine, DATA), BYTES)


STORES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, BYTES - 4), st.binary(min_size=1, max_size=4)),
    max_size=8,
)  # fmt: skip
MACHINE = Guest("hlt", 3).machine()


def model(stores: list[tuple[int, int, bytes]], cpu: int | None, drained: int) -> bytes:
    """What memory is, by the definition: the drained ones, and then one's own."""
    found = bytearray(BYTES)
    waiting = [one for one in stores if one[0] == 0][drained:]
    out = [one for one in stores if one[0] == 0][:drained]
    for _, at, data in out:
        found[at : at + len(data)] = data
    own = waiting if cpu == 0 else [one for one in stores if one[0] == cpu]
    for _, at, data in own:
        found[at : at + len(data)] = data
    return bytes(found)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Nothing is hidden when a test begins."""
    yield
    MACHINE.private.load(((), None))


@given(STORES, st.integers(0, 8))
def test_everyone_sees_what_has_left_the_buffers_and_its_own(
    stores: list[tuple[int, int, bytes]], drained: int
) -> None:
    """Stores of a CPU that change nothing for it are none; others are kept in their order."""
    MACHINE.private.load(((), None))
    MACHINE.board.memory.write(hpa(MACHINE, DATA), bytes(BYTES))
    kept = [one for one in stores if store(MACHINE, *one)]
    assert len(MACHINE.private.hidden) == len(kept)
    for cpu in (0, None, 2, 1, 0):
        assert seen(MACHINE, cpu) == model(kept, cpu, 0)
    drained = min(drained, len(MACHINE.private.stores_of(0)))
    MACHINE.private.drain(0, drained)
    assert len(MACHINE.private.stores_of(0)) == len([k for k in kept if not k[0]]) - drained
    assert seen(MACHINE, None) == model([k for k in kept if not k[0]], None, drained)
    assert seen(MACHINE, 0) == model([k for k in kept if not k[0]], 0, drained)
    MACHINE.private.drain(0)
    assert not MACHINE.private.stores_of(0)


def test_what_is_drained_is_told_as_its_cpu_s_store() -> None:
    machine = Guest("hlt", 2).machine()
    machine.tracked.add(Gpa(DATA), "wait")
    assert store(machine, 1, 4, b"\x07")
    assert not machine.tracked.writers
    machine.private.look(0)
    machine.private.drain(1)
    (who,) = machine.tracked.writers.values()
    assert who == (1, machine.board.tick) and word(machine.board, DATA + 4) == 7
    assert not store(machine, 1, 4, b"\x07")  # nothing changes by it


def test_a_translation_of_old_is_seen_until_the_tlb_is_flushed() -> None:
    machine = Guest("hlt", 2).machine()
    place = hpa(machine, DATA)
    machine.board.memory.write(place, b"\x02")
    machine.private.hide(Hidden("translation", 1, Gpa(DATA), place, b"\x02", b"\x01"))
    assert store(machine, 1, 8, b"\x09")
    assert [seen(machine, cpu)[0] for cpu in (0, 1, None)] == [2, 1, 2]
    machine.private.flush(1)
    assert [seen(machine, cpu)[0] for cpu in (0, 1)] == [2, 2]
    assert seen(machine, 1)[8] == 9  # the store has not left by that


@pytest.mark.parametrize(
    ("code", "drains", "flushes"),
    [("nop", False, False), ("mov eax, [rbx]", False, False), ("mfence", True, False),
     ("lock inc dword ptr [rbx]", True, False), ("xchg [rbx], eax", True, False),
     ("xchg eax, ecx", False, False), ("invlpg [rbx]", True, True),
     ("mov rax, cr3", False, False), ("mov cr3, rax", True, True), ("cpuid", True, False)],
)  # fmt: skip
def test_what_is_about_to_be_executed_may_end_it(
    code: str, drains: bool, flushes: bool
) -> None:
    machine = Guest(f"start: mov ebx, {{DATA}}\nhere: {code}\n hlt").machine()
    step_to(machine, 0, "here")
    cpu = machine.board.cpus[0]
    assert not machine.private.careful(cpu)
    place = hpa(machine, DATA + 64)
    assert store(machine, 0, 0, b"\x07")
    machine.private.hide(Hidden("translation", 0, Gpa(DATA + 64), place, b"\x00", b"\x01"))
    assert machine.private.careful(cpu)
    kinds = {one.kind for one in machine.private.hidden}
    assert ("store" not in kinds, "translation" not in kinds) == (drains, flushes)
    assert word(machine.board, DATA, 1) == 7  # it sees its own in any case
