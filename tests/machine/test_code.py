"""The bytes of the next instruction are those that a walk of the tables would find, whoever
changed the code, the tables on the way to it, or which tables count."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.address import Gpa
from emu.hw.cpu import Cpu
from emu.hw.nested_walk import PRESENT, USER, WRITE
from emu.inject.kinds import inject
from emu.machine.code import INSTRUCTION_BYTES, CodeReader
from emu.machine.machine import Machine
from emu.timeline.moment import Moment
from tests.guest import CODE, DATA, PML4, PT, PT2, WINDOW, Guest, finish

OTHER = CODE + 0x1000
SOURCE = """
start:
    mov ebx, {DATA}
    mov eax, [rbx]
    cmp edi, 1
    je other
again:
    rdtsc
    pause
    cpuid
    jmp again
other:
    mov dword ptr [rbx + 8], 0x90909090
    pause
    jmp other
"""


def walked(machine: Machine, cpu: Cpu, gva: int) -> bytes:
    """What is there by a walk made now."""
    return machine.board.virtual.most(cpu.registers, gva, INSTRUCTION_BYTES)


def agrees(machine: Machine, cpu: Cpu) -> None:
    """The bytes at RIP are the walked ones."""
    at = cpu.registers.linear_rip
    assert machine.board.code.next(cpu.registers) == walked(machine, cpu, at)


def _code_by_host(machine: Machine, value: int) -> None:
    machine.stores.host_write(Gpa(CODE + value % 0x80), bytes([value & 0xFF]))


def _code_by_injection(machine: Machine, value: int) -> None:
    inject(machine, f"flip {CODE + value % 0x80:#x} {value % 8}")


def _code_by_debugger(machine: Machine, value: int) -> None:
    hpa = machine.board.ram.hpa(CODE + value % 0x80)
    assert hpa is not None
    machine.board.memory.write(hpa, bytes([value & 0xFF]))


def _guest_leaf(machine: Machine, value: int) -> None:
    """The code page's linear address leads to another page, or to none."""
    hpa = machine.board.ram.hpa(PT + 8 * ((CODE >> 12) & 511))
    assert hpa is not None
    page = (CODE, OTHER, DATA)[value % 3]
    machine.board.memory.put_u64(hpa, page | (value >> 4 & 1) | 2)


def _nested_leaf(machine: Machine, value: int) -> None:
    npt = machine.board.npt
    target = machine.board.ram.hpa((CODE, OTHER)[value & 1])
    rights = PRESENT | WRITE | USER if value & 2 else 0
    npt.set_leaf(Gpa(CODE), (target or 0) | rights)
    machine.board.tables_changed()


def _root(machine: Machine, value: int) -> None:
    """CR3 is another one, whose table is a copy, or empty."""
    memory, ram = machine.board.memory, machine.board.ram
    first, copy = ram.hpa(PML4), ram.hpa(DATA + 0x3000)
    assert first is not None and copy is not None
    if value & 1:
        memory.write(copy, memory.read(first, 4096))
    root = PML4 if value & 2 else DATA + 0x3000
    machine.board.cpus[0].registers.put("cr3", root)


def _paging(machine: Machine, value: int) -> None:
    registers = machine.board.cpus[0].registers
    registers.put("cr0", registers.get("cr0") ^ (1 << 31 if value & 1 else 1 << 16))


def _move(machine: Machine, value: int) -> None:
    """RIP at, before or across the end of a page."""
    place = (CODE, OTHER - value % 20, WINDOW, WINDOW + 0x1000 - value % 20, 0x8000_0000)
    machine.board.cpus[0].registers.put("rip", place[value % 5])


def _window(machine: Machine, value: int) -> None:
    hpa = machine.board.ram.hpa(PT2 + 8 * (value & 1))
    assert hpa is not None
    machine.board.memory.put_u64(hpa, (CODE, OTHER, DATA)[value % 3] | 3)


CHANGES: tuple[Callable[[Machine, int], None], ...] = (
    _code_by_host, _code_by_injection, _code_by_debugger, _guest_leaf, _nested_leaf, _root,
    _paging, _move, _window,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 255)), min_size=1, max_size=25)
)
def test_whatever_changes_the_bytes_are_those_of_a_new_walk(
    changes: list[tuple[Callable[[Machine, int], None], int]],
) -> None:
    machine = Guest(SOURCE).machine()
    cpu = machine.board.cpus[0]
    agrees(machine, cpu)
    for change, value in changes:
        change(machine, value)
        agrees(machine, cpu)
        agrees(machine, cpu)


def test_going_back_brings_the_old_code_back() -> None:
    timeline = Guest(SOURCE).timeline()
    machine, cpu = timeline.machine, timeline.machine.board.cpus[0]
    timeline.driver.drive(Moment(8))
    _nested_leaf(machine, 1 | 2)
    agrees(machine, cpu)
    timeline.goto(Moment(2))
    agrees(machine, cpu)
    assert machine.board.code.next(cpu.registers)[:1] != b"\x00"


SELF = """
start:
    lea r9, [rip + patch]
    mov esi, 3
again:
patch:
    cpuid
    mov word ptr [r9], 0x310f
    dec esi
    jnz again
    hlt
"""
OF_ANOTHER = """
cpu0:
    rdtsc
    lea rbx, [rip + patch]
    mov ecx, 2000
wait:
    dec ecx
    jnz wait
    mov word ptr [rbx], 0x90f3
    hlt
cpu1:
    mov ecx, 400
patch:
    rdtsc
    mov eax, 1
    dec ecx
    jnz patch
    hlt
"""


@pytest.mark.parametrize("source", [SELF, OF_ANOTHER])
def test_what_a_guest_stores_to_code_is_what_its_exits_are(source: str) -> None:
    board = finish(Guest(source, 1 if source is SELF else 2, waiting=False).driver())
    texts = [event.text for event in board.logs.exits]
    if source is SELF:
        names = [text.partition(" -> ")[0] for text in texts]
        assert names == ["cpuid 0x0 0x0", "rdtsc", "rdtsc", "hlt"]
    else:
        mine = [event.text for event in board.logs.exits if event.cpu == 1]
        assert mine[0] == "rdtsc" and mine[-2] == "pause"
        assert len(mine) == 401 and mine[:-1] == sorted(mine[:-1], reverse=True)


def test_a_loop_of_exits_walks_no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[int] = []
    walk = CodeReader._walk

    def counted(reader: CodeReader, key: tuple[int, int, int]) -> object:
        walks.append(key[2])
        return walk(reader, key)

    monkeypatch.setattr(CodeReader, "_walk", counted)
    board = finish(Guest(SOURCE, waiting=False).driver(), Moment(3_000))
    assert len(board.logs.exits) > 2000
    assert len(walks) <= 2, "one, and one behind the A bits that the first fetch sets"
