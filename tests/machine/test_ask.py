"""An exit is read once: every form of an instruction, and one look at its bytes."""

import pytest

from emu.hw import vmcb
from emu.hw.context import Context
from emu.hw.control import ControlRegister
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.machine.ask import read_exit
from emu.machine.code import CodeReader
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.vmm import asked as ask
from emu.vmm.devices import STANDARD
from tests.guest import FOREVER, PML4, SHARED, Guest, finish, word
from tests.machine.elsewhere import Place

PLAIN = """
start:
    mov eax, 0x15
    mov ecx, 3
    movabs rbx, 0x500000000
    or rax, rbx
    or rcx, rbx
    cpuid
    mov eax, 8
    xor ecx, ecx
    .byte 0x66
    cpuid
    xor eax, eax
    xor ecx, ecx
    .byte 0x48
    cpuid
    mov ecx, 0x10
    rdmsr
    .byte 0xf2
    rdmsr
    mov ecx, 0xc0000103
    mov eax, 77
    xor edx, edx
    wrmsr
    .byte 0x66
    wrmsr
    rdtsc
    .byte 0x48
    rdtsc
    rdtscp
    mov dword ptr [{SHARED}], ecx
    pause
    rep pause
    wbinvd
    .byte 0x66
    wbinvd
    int 0x40
    int3
    ud2
    .byte 0x66
    hlt
handler3:
    iretq
handler64:
    iretq
handler6:
    add qword ptr [rsp], 2
    iretq
"""


def asked(source: str, **more: object) -> list[ask.Asked]:
    """All that a guest asks for until it halts."""
    board = finish(Guest(source, **more).driver())
    found = [event.detail for event in board.logs.exits]
    assert all(isinstance(one, ask.Asked) for one in found)
    if "rdtscp" in source:
        assert word(board, SHARED, 4) == 77
    return found  # type: ignore[return-value]


def test_prefixes_change_the_length_and_nothing_else() -> None:
    assert asked(PLAIN) == [
        ask.Cpuid(2, 0x15, 3), ask.Cpuid(3, 8, 0), ask.Cpuid(3, 0, 0),
        ask.Rdmsr(2, 0x10), ask.Rdmsr(3, 0x10),
        ask.Wrmsr(2, 0xC000_0103, 77), ask.Wrmsr(3, 0xC000_0103, 77),
        ask.Rdtsc(2), ask.Rdtsc(3), ask.Rdtsc(3, True),
        ask.PauseHint(2), ask.PauseHint(3),
        ask.CacheFlush(2, "wbinvd"), ask.CacheFlush(3, "wbinvd"),
        ask.SoftInterrupt(2, 0x40), ask.SoftInterrupt(1, 3), ask.Undefined(0, "ud2"),
        ask.Hlt(2),
    ]  # fmt: skip


@pytest.mark.parametrize(("code", "size", "register", "value", "general"), [
    ("mov rax, cr4\n bts rax, 13\n mov cr4, rax", 3, "cr4", 0x42260, 0),
    ("mov r9, cr3\n bts r9, 50\n .byte 0x2e\n mov cr3, r9", 5, "cr3", 1 << 50 | PML4, 9),
    ("mov ecx, 0xc0000080\n rdmsr\n bts eax, 12\n .byte 0x2e\n wrmsr", 3, "efer", 0x1D00, 0),
])  # fmt: skip
def test_a_refused_write_to_a_control_register_is_known_by_its_operand(
    code: str, size: int, register: ControlRegister, value: int, general: int
) -> None:
    write = ask.ControlWrite(size, register, value, True, False, general)
    assert asked(f"start: {code}\n handler13: hlt") == [write, ask.Hlt(1)]


def test_calls_are_known_by_their_bytes_whoever_answers() -> None:
    source = """
    start:
        xor eax, eax
        xor r10d, r10d
        mov r11d, 0x10001
        mov edx, 7
        mov r8d, 8
        mov r15d, 9
        .byte 0x66, 0x0f, 0x01, 0xcc
        mov ecx, 0x99
        .byte 0x0f, 0x01, 0xd9, 0x90
        mov ecx, 0x98
        .byte 0x0f, 0x01, 0xc1, 0x90
        hlt
    handler6:
        add qword ptr [rsp], 4
        iretq
    """
    called, *others = asked(source)
    assert isinstance(called, ask.Tdcall)
    assert (called.leaf, called.r10, called.r11) == (0, 0, 0x10001)
    assert (called.operand("rdx"), called.operand("r15")) == (7, 9)
    assert others == [
        ask.Vmcall(3, 0x99, "vmmcall", 7, 8), ask.Vmcall(3, 0x98, "vmcall", 7, 8), ask.Hlt(1),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [ExitKind.BUDGET, ExitKind.BREAKPOINT])
def test_what_is_no_exit_to_the_host_asks_for_nothing(kind: ExitKind) -> None:
    board = Guest("start: hlt").machine().board
    with pytest.raises(AssertionError, match="no exit"):
        read_exit(Exit(kind, 0), board.cpus[0].registers, board.code, STANDARD)


@pytest.mark.parametrize("code", [vmcb.EXIT_NPF, vmcb.EXIT_EXCEPTION + 14, vmcb.EXIT_SHUTDOWN])
def test_what_the_exit_tells_alone_needs_no_bytes(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Guest("start: hlt").machine().board
    fetched: list[Context] = []

    def code_of(_: CodeReader, registers: Context) -> bytes:
        fetched.append(registers)
        return b""

    monkeypatch.setattr(CodeReader, "next", code_of)
    exit_ = Exit(ExitKind.INTERCEPT, 0, code, 0x1234, 2)
    found = read_exit(exit_, board.cpus[0].registers, board.code, STANDARD)
    assert not fetched
    assert found in (
        ask.NestedFault(0, 2, 0x1234),
        ask.CpuFault(0, 14, 2, 0x1234),
        ask.ShutDown(0),
    )


@pytest.mark.parametrize(
    ("vector", "error", "address"), [(0, 0, 0), (13, 2, 0), (14, 2, 0x1234), (19, 0, 0)]
)
def test_what_an_exception_does_not_have_is_not_left_over_from_another(
    vector: int, error: int, address: int
) -> None:
    """The emulator's fields keep what the fault before left there, and which one that was
    depends on where checkpoints lie."""
    board = Guest("start: hlt").machine().board
    exit_ = Exit(ExitKind.INTERCEPT, 0, vmcb.EXIT_EXCEPTION + vector, 0x1234, 2)
    found = read_exit(exit_, board.cpus[0].registers, board.code, STANDARD)
    assert found == ask.CpuFault(0, vector, error, address)


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_no_exit_of_a_boot_looks_at_its_code_twice(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    machines: list[Machine] = []
    fetch, leave = CodeReader.next, Machine.exit_

    def code_of(reader: CodeReader, registers: Context) -> bytes:
        if (
            machines and not machines[-1].board.on_trial
        ):  # there, other instructions are executed
            counts[-1] += 1
        return fetch(reader, registers)

    def exit_(machine: Machine, cpu: Cpu, one: Exit) -> Exit:
        counts.append(0)
        machines.append(machine)
        left = leave(machine, cpu, one)
        machines.pop()
        assert counts[-1] <= (one.kind is ExitKind.INTERCEPT), one
        return left

    monkeypatch.setattr(CodeReader, "next", code_of)
    monkeypatch.setattr(Machine, "exit_", exit_)
    assert Place(platform, cpus=2).bare().drive(FOREVER) is not Pause.BUDGET
    assert len(counts) > 300
    assert sum(counts) > 100


@pytest.mark.parametrize(
    ("code", "asked_for"),
    [
        ("mov cr8, rax", ask.WriteTaskPriority(4, 5)),
        ("mov cr8, r9", ask.WriteTaskPriority(4, 6)),
        (".byte 0x66\n mov cr8, r9", ask.WriteTaskPriority(5, 6)),
        ("mov rbx, cr8", ask.ReadTaskPriority(4, "rbx")),
        ("mov r15, cr8", ask.ReadTaskPriority(4, "r15")),
    ],
)
def test_cr8_is_asked_for_with_its_other_register(code: str, asked_for: ask.Asked) -> None:
    source = f"start: mov eax, 5\n mov r9d, 6\n {code}\n hlt"
    assert asked(source) == [asked_for, ask.Hlt(1)]
