"""An exception that cannot be delivered is followed by what SDM 3A, 6.15 says, seen from inside
the guest: whose handler runs, with which error code and which CR2."""

from typing import Final

import pytest

from emu.machine import exceptions
from emu.machine.board import Board
from emu.machine.machine import Machine
from emu.timeline.driver import Driver
from emu.vmm.asked import CpuFault
from emu.vmm.effects import RaiseException
from tests.guest import IDT, PD, SHARED, Guest, finish, label, word

VECTORS: Final = (0, 3, 6, 8, 10, 11, 12, 13, 14, 64)
WITH_CODE: Final = (8, 10, 11, 12, 13, 14)
FIRST: Final = {
    # what a program does: (its code, the vector that it raises)
    "benign": ("here: ud2", 6),
    "contributory": ("xor ecx, ecx\n here: div ecx", 0),
    "page fault": ("here: mov eax, [0x1234]", 14),
    "INT n": ("here: int 64", 64),
    "INT3": ("here: int3", 3),
}
NOT_PRESENT, ON_IST, PLAIN = (b"\x00\x0e", b"\x01\x8e", b"\x00\x8e")
"""The gate's flags: it raises #NP; #PF at the TSS's IST1, since TR's base is 0; none."""
IST1: Final = 36
SECOND: Final = {"contributory": NOT_PRESENT, "page fault": ON_IST}


def handlers() -> str:
    """They note the vector, the error code, CR2 and the RIP to return to."""
    text = ""
    for vector in VECTORS:
        code = "pop rbx" if vector in WITH_CODE else "mov ebx, 0x9999"
        text += f"""
handler{vector}:
    {code}
    mov rcx, cr2
    mov dword ptr [{{SHARED}}], {0x100 + vector}
    mov [{{SHARED}} + 8], rbx
    mov [{{SHARED}} + 16], rcx
    pop rdx
    mov [{{SHARED}} + 24], rdx
    cli
    hlt
"""
    return text


def broken(kind: str, gates: dict[int, bytes]) -> Machine:
    """A guest that raises an exception of a kind, with the flags of some gates changed."""
    machine = Guest(f"start: nop\n {FIRST[kind][0]}\n hlt\n{handlers()}").machine()
    for vector, flags in gates.items():
        machine.stores.edit(IDT + 16 * vector + 4, flags)
    return machine


def ended(machine: Machine) -> Board:
    """It has run until nothing more happens."""
    return finish(Driver(machine))


def noted(board: Board) -> tuple[int, int, int]:
    """The vector whose handler ran, its error code and CR2."""
    return word(board, SHARED, 4) - 0x100, word(board, SHARED + 8), word(board, SHARED + 16)


SERIAL: Final = [
    # SDM 3A, table 6-5: rows and columns whose exceptions are handled one after the other
    ("benign", "contributory", (11, 6 << 3 | 3, 0)),
    ("benign", "page fault", (14, 0, IST1)),
    ("contributory", "page fault", (14, 0, IST1)),
    # what INT n meets is no external event: EXT is clear (6.13), and it is benign
    ("INT n", "contributory", (11, 64 << 3 | 2, 0)),
    ("INT3", "contributory", (11, 3 << 3 | 2, 0)),
    ("INT n", "page fault", (14, 0, IST1)),
]
DOUBLE: Final = [
    ("contributory", "contributory", 0),
    ("page fault", "contributory", 0x1234),
    ("page fault", "page fault", IST1),
]


@pytest.mark.parametrize(("first", "second", "wanted"), SERIAL)
def test_exceptions_that_are_handled_one_after_the_other(
    first: str, second: str, wanted: tuple[int, int, int]
) -> None:
    machine = broken(first, {FIRST[first][1]: SECOND[second]})
    board = ended(machine)
    assert noted(board) == wanted
    assert word(board, SHARED + 24) == label(board, "here"), "it returns to the instruction"
    told = [e.detail for e in board.logs.events if isinstance(e.detail, CpuFault)]
    assert [(one.vector, one.error) for one in told] == [wanted[:2]]


@pytest.mark.parametrize(("first", "second", "cr2"), DOUBLE)
def test_exceptions_that_are_a_double_fault(first: str, second: str, cr2: int) -> None:
    board = ended(broken(first, {FIRST[first][1]: SECOND[second]}))
    assert noted(board) == (8, 0, cr2)
    names = [e.text.split()[0] for e in board.logs.events if e.kind == "fault"]
    assert names[1:] == ["#NP" if second == "contributory" else "#PF", "#DF"]


@pytest.mark.parametrize("third", SECOND)
@pytest.mark.parametrize(("first", "second", "cr2"), DOUBLE)
def test_a_double_fault_that_cannot_be_delivered_shuts_the_machine_down(
    first: str, second: str, cr2: int, third: str
) -> None:
    board = ended(broken(first, {FIRST[first][1]: SECOND[second], 8: SECOND[third]}))
    assert board.cpus[0].activity == "shutdown"
    assert board.crash.startswith("cpu 0 shut down: #")
    assert " -> #DF -> #" in board.crash
    assert " at here" in board.crash.partition(" -> ")[0]
    assert board.crash.endswith(": triple fault")


@pytest.mark.parametrize("second", SECOND)
def test_a_benign_one_whose_second_fails_tries_a_double_fault(second: str) -> None:
    """#UD, then #NP or #PF, whose gate is not present: contributory behind either."""
    follower = 11 if second == "contributory" else 14
    board = ended(broken("benign", {6: SECOND[second], follower: NOT_PRESENT}))
    assert noted(board)[:2] == (8, 0)


@pytest.mark.parametrize(("vector", "second"), [(64, NOT_PRESENT), (64, ON_IST), (13, ON_IST)])
def test_an_interrupt_is_benign_and_external_whatever_its_vector(
    vector: int, second: bytes
) -> None:
    """SDM 3A, table 6-4 and 6.13: #GP's vector would be contributory, but nothing faulted."""
    machine = broken("INT n", {vector: second})
    (cpu,) = machine.board.cpus
    effect = RaiseException(vector, None, "from outside")
    exceptions.raise_exception(machine, cpu, effect, external=True)
    follower, code = (11, vector << 3 | 3) if second == NOT_PRESENT else (14, 0)
    assert cpu.registers.rip == label(machine.board, f"handler{follower}")
    assert word(machine.board, cpu.registers.get("rsp")) == code


def test_an_idt_that_is_too_short_is_a_general_protection_fault() -> None:
    source = f"""
start:
    sidt [{{SHARED}} + 0x100]
    mov word ptr [{{SHARED}} + 0x100], {14 * 16 - 1}
    lidt [{{SHARED}} + 0x100]
    here: int 64
    hlt
{handlers()}"""
    board = ended(Guest(source).machine())
    assert noted(board) == (13, 64 << 3 | 2, 0)
    (told,) = [e.text for e in board.logs.events if isinstance(e.detail, CpuFault)]
    assert told == (
        "#GP (no IDT entry 64: IDT limit is 0xdf) while delivering interrupt 0x40 at here"
    )


def test_from_compatibility_mode_the_handler_is_64_bit_code() -> None:
    source = f"""
start:
    sgdt [{{SHARED}} + 0x100]
    mov rbx, [{{SHARED}} + 0x102]
    mov rax, 0x00cf9b000000ffff
    mov [rbx + 8], rax
    push 8
    lea rax, [rip + compatible]
    push rax
    .byte 0x48, 0xcb
.code32
compatible:
    nop
here: ud2
.code64
{handlers()}"""
    machine = Guest(source).machine()
    machine.stores.edit(SHARED, bytes(8))
    board = ended(machine)
    assert noted(board)[0] == 6
    assert word(board, SHARED + 24) == label(board, "here")


@pytest.mark.parametrize("platform", ["none", "vbs", "sipi", "tdx"])
def test_a_triple_fault_of_any_cpu_ends_the_machine(platform: str) -> None:
    source = "cpu0: jmp cpu0\ncpu1: nop\n here: ud2"
    machine = Guest(source, 2, platform).machine()
    board = ended(machine)
    assert board.cpus[0].activity != "shutdown" and board.cpus[1].activity == "shutdown"
    steps = board.crash.removeprefix("cpu 1 shut down: ").split(" -> ")
    gate = "#GP (IDT entry {} is no interrupt or trap gate)"
    last = f"{gate.format(8)}: triple fault"
    assert steps == ["#UD: ud2 at here", gate.format(6), gate.format(13), "#DF", last]


def test_what_the_nested_table_refuses_while_delivering_is_the_host_s_to_know() -> None:
    machine = Guest(f"start: mov rsp, 0x300000\n here: ud2\n{handlers()}").machine()
    board = machine.board
    leaf = 0x20_0083  # 2 MiB where no memory is
    machine.stores.edit(PD + 8, leaf.to_bytes(8, "little"))
    ended(machine)
    assert board.crash.startswith("cpu 0: the stack at 0x2fffd8: ")
    assert board.cpus[0].activity == "running"
