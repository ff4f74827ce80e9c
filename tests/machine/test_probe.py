"""Probes tell every access to what they look at, by whom and when; the guest cannot tell."""

from emu.hw.address import Hpa
from emu.machine.machine import Machine
from emu.machine.probe import Access, CodeProbe, MemoryProbe, RegisterProbe
from emu.timeline.digest import Digest
from emu.timeline.driver import Driver
from tests.guest import DATA, PT2, SHARED, Guest, finish, label

SOURCE = """
start: mov ebx, {SHARED}
    mov eax, {DATA} + 3
    mov [{PT2}], rax
    mov qword ptr [rbx - 4], -1
    mov ecx, [rbx]
again: mov byte ptr [{WINDOW} + 3], 9
    mov eax, 0x40000000
    cpuid
    inc ecx
    jz again
    hlt
"""


def place(machine: Machine, gpa: int) -> Hpa:
    """Where a byte lies in the host."""
    found = machine.board.ram.hpa(gpa)
    assert found is not None
    return found


def test_a_store_by_any_alias_and_over_an_edge_is_seen_with_what_the_bytes_become() -> None:
    driver = Guest(SOURCE).driver()
    machine = driver.machine
    one = MemoryProbe(place(machine, SHARED), 8, reads=True)
    two = MemoryProbe(place(machine, DATA + 2), 4)
    machine.board.look_at(one, two)
    finish(driver)
    half = b"\xff" * 4 + bytes(4)
    # A store that finds its page closed is begun again, and told once more.
    assert list(dict.fromkeys(one.found)) == [
        Access(4, 0, "write", bytes(8), half), Access(5, 0, "read", half, half)
    ]  # fmt: skip
    nine = bytes((0, 9, 0, 0))
    assert list(dict.fromkeys(two.found)) == [Access(6, 0, "write", bytes(4), nine)]
    machine.stores.host_write(DATA + 5, b"\x01\x02")
    machine.board.at_work = None
    machine.board.compare("host")
    assert two.found[-1] == Access(machine.board.tick, None, "host", nine, nine[:3] + b"\x01")


def test_a_bit_that_the_page_walk_sets_is_the_walk_s() -> None:
    driver = Guest(SOURCE).driver()
    machine = driver.machine
    probe = MemoryProbe(place(machine, PT2), 8)
    machine.board.look_at(probe)
    finish(driver)
    assert [one.doing for one in probe.found] == ["write", "walk"]
    leaf, bits = probe.found[1].before, probe.found[1].after
    assert int.from_bytes(bits, "little") == int.from_bytes(leaf, "little") | 0x60


def test_a_register_is_seen_to_change_by_instructions_and_by_answers() -> None:
    driver = Guest(SOURCE).driver()
    machine = driver.machine
    ecx, eax = RegisterProbe(0, "rcx"), RegisterProbe(None, "rax")
    machine.board.look_at(ecx, eax)
    finish(driver)
    last = machine.board.cpus[0].registers
    values = [int.from_bytes(one.after, "little") for one in eax.found]
    assert values[:2] == [DATA + 3, 0x4000_0000] and values[-1] == last.get("rax")
    assert [one.tick for one in eax.found[:2]] == [2, 7]
    assert {one.cpu for one in ecx.found} == {0}
    assert [int.from_bytes(one.after, "little") for one in ecx.found][:1] == [0xFFFF_FFFF]
    for one, after in zip(ecx.found, ecx.found[1:], strict=False):
        assert one.after == after.before != after.after


def run_of(driver: Driver, probe: CodeProbe) -> CodeProbe:
    """What a probe sees of a whole run."""
    driver.machine.board.look_at(probe)
    finish(driver)
    return probe


def test_code_is_seen_each_time_it_is_executed_by_whom_is_asked_for() -> None:
    at = frozenset((label(Guest(SOURCE).machine().board, "again"),))
    for cpus, only in ((1, None), (2, 1), (2, None)):
        probe = run_of(Guest(SOURCE, cpus).driver(), CodeProbe(at, only))
        seen = {cpu for _, _, cpu, _ in probe.found}
        assert seen == ({only} if only is not None else set(range(cpus)))
        assert {address for _, _, _, address in probe.found} == at
    everywhere = run_of(Guest(SOURCE).driver(), CodeProbe(frozenset()))
    ticks = [tick for tick, _, _, _ in everywhere.found]
    assert list(dict.fromkeys(ticks)) == list(range(1, ticks[-1] + 1))


def test_the_guest_s_course_is_the_same_whatever_is_looked_at() -> None:
    ends = []
    for looking in (True, False):
        driver = Guest(SOURCE, 2).driver()
        machine = driver.machine
        if looking:
            machine.board.look_at(
                MemoryProbe(place(machine, SHARED), 4, True), RegisterProbe(None, "rax"),
                CodeProbe(frozenset()), MemoryProbe(place(machine, PT2), 8),
            )  # fmt: skip
        digest = Digest(machine)
        board = finish(driver)
        ends.append((digest.now(), board.tick, board.beat, [c.clock_ps for c in board.cpus]))
    assert ends[0] == ends[1]


def test_what_is_tried_is_not_told() -> None:
    machine = Guest("start: mov dword ptr [{SHARED}], 7\n mov eax, [{SHARED}]\n hlt").machine()
    memory = MemoryProbe(place(machine, SHARED), 4, reads=True)
    code, register = CodeProbe(frozenset()), RegisterProbe(0, "rax")
    machine.board.look_at(memory, code, register)
    cpu = machine.board.cpus[0]
    machine.board.at_work = 0
    with machine.trials.begin(cpu, 0, ((place(machine, SHARED), 4),)):
        assert all(machine.trials.step(cpu) for _ in range(2))
        assert cpu.registers.get("rax") == 7
    assert not memory.found and not code.found and not register.found
