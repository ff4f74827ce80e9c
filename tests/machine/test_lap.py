"""Which laps are waits: what they use stays as it was, and nobody could see what they do."""

import pytest

from emu.hw import vmcb
from emu.hw.exit import Exit, ExitKind
from emu.machine.lap import LAP_MAX, Lap, Loop, harmless
from emu.machine.machine import Machine
from tests.guest import SHARED, Guest, step_to, word

START = """
start: mov ebx, {SHARED}
    mov eax, 5
    xor ecx, ecx
    mov dword ptr [rbx], 1
    mov dword ptr [rbx + 4], -1
    mov dword ptr [rbx + 8], 77
    stc
    jmp head
"""
WAITS = {
    "a byte is compared": "cmp dword ptr [rbx], 0\n je 9f",
    "with PAUSE": "pause\n cmp dword ptr [rbx], 0\n je 9f",
    "a register is set before it is used": "mov eax, [rbx + 8]\n test eax, eax\n jz 9f",
    "a register comes back": "inc ecx\n dec ecx",
    "an exchange finds the lock taken": "mov eax, 1\n xchg [rbx], eax\n test eax, eax\n jz 9f",
    "a CMPXCHG fails": "mov eax, 0\n mov edx, 1\n lock cmpxchg [rbx], edx\n jz 9f",
    "a bit was set": "lock bts dword ptr [rbx], 0\n jnc 9f",
    "the same is stored again": "mov dword ptr [rbx], 1",
    "a clock is read": "rdtsc\n cmp eax, [rbx + 4]\n ja 9f",
    "as long as may be": ".rept 63\n nop\n .endr",
}
NO_WAITS = {
    "a register that is used changes": "inc ecx",
    "a sum grows": "inc dword ptr [rbx]",
    "an attempt by XADD is given back":
        "mov eax, 1\n lock xadd [rbx], eax\n lock dec dword ptr [rbx]",
    "a store is taken back": "mov dword ptr [rbx], 2\n mov dword ptr [rbx], 1",
    "a vector register changes": "pcmpeqd xmm0, xmm0\n psubd xmm1, xmm0",
    "a string instruction": "mov rdi, rbx\n mov rsi, rbx\n mov ecx, 1\n rep movsb",
    "a page is not mapped": "mov eax, [{WINDOW}]",
    "one too long": ".rept 64\n nop\n .endr",
}  # fmt: skip


def at_head(body: str) -> Machine:
    """CPU 0 at the head of a loop."""
    machine = Guest(f"{START}\nhead: {body}\n jmp head\n9: hlt").machine()
    step_to(machine, 0, "head")
    return machine


def go_round(machine: Machine, lap: Lap) -> Loop | None:
    """Trace CPU 0 until it is back at the head; what the lap is then."""
    cpu = machine.board.cpus[0]
    while lap.look(machine.board, cpu):
        exit_ = machine.trials.step(cpu)
        assert exit_ is not None
        if exit_.kind is not ExitKind.BUDGET:
            lap.exited(exit_)
        if cpu.registers.rip == lap.head:
            return lap.loop(machine.board, cpu)
    return None


def loop_of(body: str) -> Loop | None:
    """What the first lap of a loop is found to be."""
    machine = at_head(body)
    return go_round(machine, Lap.begin(machine.board.cpus[0]))


@pytest.mark.parametrize("body", WAITS.values(), ids=WAITS)
def test_a_lap_that_comes_round_is_a_loop(body: str) -> None:
    loop = loop_of(body)
    assert loop is not None
    assert loop.pauses == ("pause" in body) and loop.clock == ("rdtsc" in body)
    assert len(loop.path) <= LAP_MAX and loop.path[0] == loop.head


@pytest.mark.parametrize("body", NO_WAITS.values(), ids=NO_WAITS)
def test_a_lap_that_does_work_is_none(body: str) -> None:
    assert loop_of(body) is None


def test_a_loop_knows_what_it_looks_at_and_how_long_it_takes() -> None:
    machine = at_head("cmp dword ptr [rbx], 0\n je 9f\n xchg [rbx + 8], edx\n mov edx, 77")
    cpu, ram = machine.board.cpus[0], machine.board.ram
    cpu.registers.put("rdx", 77)
    loop = go_round(machine, Lap.begin(cpu))
    assert loop is not None
    place, lock = ram.hpa(SHARED), ram.hpa(SHARED + 8)
    assert loop.reads == ((place, 4, SHARED), (lock, 4, SHARED + 8))
    assert loop.stores == ((lock, 4),)
    assert loop.values == tuple(n.to_bytes(4, "little") for n in (1, 77, 77))
    assert loop.lap_ps == len(loop.path) * cpu.ps_per_instruction
    assert dict(loop.uses) == {"rbx": SHARED, "rdx": 77}


@pytest.mark.parametrize(
    ("register", "value", "takes"),
    [("rdi", 2, True), ("rdi", 1, False), ("rdi", 1 << 32 | 1, False), ("rbx", 0, False),
     ("rax", 99, True)],
)  # fmt: skip
def test_another_cpu_goes_round_too_if_what_matters_is_alike(
    register: str, value: int, takes: bool
) -> None:
    """Of RDI it only matters that it is not what stands in memory, as of an APIC id."""
    machine = at_head("cmp [rbx], edi\n je 9f\n mov eax, [rbx + 8]")
    cpu = machine.board.cpus[0]
    loop = go_round(machine, Lap.begin(cpu))
    assert loop is not None and loop.takes(cpu)
    assert loop.unequal == (("rdi", 0xFFFF_FFFF, word(machine.board, SHARED, 4)),)
    cpu.registers.put(register, value)
    assert loop.takes(cpu) == takes


@pytest.mark.parametrize(
    ("register", "value", "takes"),
    [("rdi", 2, True), ("rdi", 77, False), ("rdi", 1 << 32 | 77, False), ("rbx", 0, False),
     ("rax", 99, True), ("rcx", 99, True)],
)  # fmt: skip
@pytest.mark.parametrize(
    "compare", ["cmp ecx, edi", "cmp edi, ecx"], ids=["with a register", "the other way round"]
)
def test_so_it_is_if_the_place_was_loaded_before(
    compare: str, register: str, value: int, takes: bool
) -> None:
    """One load of two fields, and the second of them compared: what a mailbox loop does."""
    body = f"mov rax, [rbx + 4]\n mov rcx, rax\n shr rcx, 32\n {compare}\n je 9f"
    machine = at_head(body)
    cpu = machine.board.cpus[0]
    loop = go_round(machine, Lap.begin(cpu))
    assert loop is not None and loop.takes(cpu)
    assert loop.unequal == (("rdi", 0xFFFF_FFFF, 77),)
    cpu.registers.put(register, value)
    assert loop.takes(cpu) == takes


@pytest.mark.parametrize(
    "body",
    [
        "mov ecx, [rbx]\n cmp ecx, edi\n je 9f\n xor ecx, ecx",
        "mov ecx, [rbx]\n cmp ecx, edi\n je 9f\n mov edx, edi",
        "mov ecx, [rbx]\n cmp ecx, edi\n jb 9f",
        "mov ecx, [rbx]\n sub ecx, edi\n jz 9f",
        "cmp esi, edi\n je 9f",
    ],
    ids=[
        "the other is lost",
        "it is used twice",
        "not for equality",
        "no compare",
        "two inputs",
    ],
)
def test_any_other_use_of_a_register_makes_its_value_matter(body: str) -> None:
    machine = at_head(body)
    cpu = machine.board.cpus[0]
    cpu.registers.put("rdi", 2 if "jb" not in body else 0)
    cpu.registers.put("rsi", 3)
    loop = go_round(machine, Lap.begin(cpu))
    assert loop is not None and not loop.unequal
    assert "rdi" in dict(loop.uses)


def test_what_a_lap_needs_is_what_it_has_read_before_it_was_set() -> None:
    machine = at_head("mov eax, [rbx]\n add edx, eax\n mov ecx, edx")
    lap = Lap.begin(machine.board.cpus[0])
    edx = machine.board.cpus[0].registers.get("rdx")
    assert go_round(machine, lap) is None
    assert lap.needs() == (("rbx", SHARED), ("rdx", edx))


def test_a_copy_goes_its_own_way() -> None:
    machine = at_head(WAITS["with PAUSE"])
    cpu = machine.board.cpus[0]
    lap = Lap.begin(cpu)
    assert lap.look(machine.board, cpu)
    copy, seen = lap.copy(), list(lap.path)
    assert lap.look(machine.board, cpu) and lap.path == seen  # one tick, one look
    loop = go_round(machine, lap)
    assert copy.path == seen and loop is not None
    assert loop.path[:1] == tuple(seen)


def test_only_pause_and_clocks_are_harmless() -> None:
    cpu = at_head("nop").board.cpus[0]
    found = {}
    for code in (vmcb.EXIT_PAUSE, vmcb.EXIT_RDTSC, vmcb.EXIT_CPUID, vmcb.EXIT_HLT):
        found[code] = harmless(cpu, Exit(ExitKind.INTERCEPT, 0, code))
    assert found == {vmcb.EXIT_PAUSE: True, vmcb.EXIT_RDTSC: True,
                     vmcb.EXIT_CPUID: False, vmcb.EXIT_HLT: False}  # fmt: skip
    for number, clock in ((0x10, True), (0x4000_0020, True), (0x1B, False)):
        cpu.registers.put("rcx", number)
        assert harmless(cpu, Exit(ExitKind.INTERCEPT, 0, vmcb.EXIT_MSR)) == clock
    assert not harmless(cpu, Exit(ExitKind.PORT_OUT, 1, 0x80))
