"""An access to a device is read off its instruction, and named if it is of no usual form."""

import pytest

from emu.hw.context import Context
from emu.machine.machine import Machine
from emu.machine.mmio import device_access
from emu.vmm.asked import MmioRead, MmioWrite, OddAccess
from tests.guest import CODE, Guest, program

AT, RAX, RCX = 0xD000_0010, 0x1122_3344_5566_7788, 3
READS, WRITES, FETCHES = 4, 6, 20
SOUTHWARDS = 1 << 10


def registers() -> Context:
    """RBX and RDI lead to the device."""
    found = MACHINE.board.cpus[0].registers
    for name, value in (
        ("rip", CODE), ("rax", RAX), ("rbx", AT), ("rcx", RCX), ("rdi", AT), ("rflags", 2)
    ):  # fmt: skip
        found.put(name, value)
    return found


MACHINE: Machine = Guest("start: hlt").machine()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mov eax, [rbx]", MmioRead(2, AT, 4, "eax", False)),
        ("mov r9w, [rbx]", MmioRead(4, AT, 2, "r9w", False)),
        ("mov ah, [rbx]", MmioRead(2, AT, 1, "ah", False)),
        ("mov rdx, [rbx]", MmioRead(3, AT, 8, "rdx", False)),
        ("movzx ecx, byte ptr [rbx]", MmioRead(3, AT, 1, "ecx", False)),
        ("movsx ecx, word ptr [rbx]", MmioRead(3, AT, 2, "ecx", True)),
        ("movsxd rdx, dword ptr [rbx]", MmioRead(3, AT, 4, "rdx", True)),
    ],
)
def test_a_load_says_how_much_comes_into_which_register(text: str, wanted: MmioRead) -> None:
    assert device_access(program(text).code, registers(), READS, AT) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mov [rbx], eax", MmioWrite(2, AT, 4, RAX & 0xFFFF_FFFF)),
        ("mov [rbx], ah", MmioWrite(2, AT, 1, 0x77)),
        ("mov [rbx], rax", MmioWrite(3, AT, 8, RAX)),
        ("movnti [rbx], eax", MmioWrite(3, AT, 4, RAX & 0xFFFF_FFFF)),
        ("mov dword ptr [rbx], -2", MmioWrite(6, AT, 4, 0xFFFF_FFFE)),
        ("stosd", MmioWrite(1, AT, 4, RAX & 0xFFFF_FFFF, (("rdi", AT + 4),))),
    ],
)
def test_a_store_says_what_goes_there(text: str, wanted: MmioWrite) -> None:
    assert device_access(program(text).code, registers(), WRITES, AT) == wanted


@pytest.mark.parametrize(("left", "size"), [(3, 0), (1, 2)])
@pytest.mark.parametrize(("flags", "step"), [(0, 1), (SOUTHWARDS, -1)])
def test_rep_stos_is_over_with_its_last_round(
    left: int, size: int, flags: int, step: int
) -> None:
    one = registers()
    one.put("rcx", left)
    one.put("rflags", 2 | flags)
    moved = (("rdi", AT + step), ("rcx", left - 1))
    found = device_access(program("rep stosb").code, one, WRITES, AT)
    assert found == MmioWrite(size, AT, 1, RAX & 0xFF, moved)


@pytest.mark.parametrize(
    ("text", "error", "gpa"),
    [
        ("add [rbx], eax", WRITES, AT),
        ("movups xmm0, [rbx]", READS, AT),
        ("push qword ptr [rbx]", READS, AT),
        ("mov eax, [rbx]", FETCHES, AT),
        ("nop", READS, AT),
        ("mov eax, [rbx]", READS, 0xD000_0100),  # its page tables lie there
    ],
)
def test_any_other_access_is_named(text: str, error: int, gpa: int) -> None:
    found = device_access(program(text).code, registers(), error, gpa)
    assert isinstance(found, OddAccess) and found.gpa == gpa
    assert found.text.startswith(text.split()[0])


def test_what_is_no_instruction_is_named_so() -> None:
    found = device_access(b"\x06", registers(), READS, AT)
    assert isinstance(found, OddAccess) and found.text == "no valid instruction"
