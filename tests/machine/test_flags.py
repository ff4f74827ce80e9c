"""The arithmetic flags outlive whatever interrupts the instruction behind the one that set
them: faults inside the engine, exits, exceptions."""

from typing import Final

import pytest

from tests.machine.bare import CODE, DATA, Bare, gpa, gva

TOP: Final = 1 << 63
LAST: Final = (1 << 64) - 1
PAIRS: Final = ((0, 1), (1, 0), (5, 5), (0, TOP), (TOP, 1), (LAST, 1), (1, LAST), (0x10, 1))
ARITHMETIC: Final = 0x8D5
CMP, ADD, ADC, SHL = b"\x48\x39\xd8", b"\x48\x01\xd8", b"\x48\x11\xd8", b"\x48\xc1\xe0\x01"
"""cmp rax, rbx; add rax, rbx; adc rax, rbx; shl rax, 1."""
STORE, LOAD = b"\x48\x89\x11", b"\x48\x8b\x11"
"""mov [rcx], rdx; mov rdx, [rcx]."""
FIRST, SECOND, _ = DATA


def flags(code: bytes, a: int, b: int) -> int:
    """RFLAGS by the rules of the SDM, for operands and no carry before."""
    high, wide = 1 << 63, {CMP: a - b, ADD: a + b, ADC: a + b, SHL: a << 1}[code]
    result = wide & LAST
    carry = wide < 0 or wide > LAST
    if code == SHL:
        over, half = carry != (result >= high), False  # AF is undefined
    else:
        same = (a ^ b) & high == 0
        over = (a ^ result) & high != 0 and same == (code != CMP)
        half = bool((a ^ b ^ result) & 0x10)
    even = (result & 0xFF).bit_count() % 2 == 0
    bits = (carry, even, half, result == 0, result >= high, over)
    return sum(bit << at for bit, at in zip(bits, (0, 2, 4, 6, 7, 11), strict=True))


def guest_with(code: bytes, a: int, b: int) -> Bare:
    """A guest about to execute, with these operands and RCX at the first data page."""
    guest = Bare()
    guest.code(code)
    for name, value in (("rax", a), ("rbx", b), ("rcx", gva(FIRST)), ("rflags", 2)):
        guest.cpu.registers.put(name, value)
    guest.machine.board.undo.cut()
    return guest


def arithmetic(guest: Bare, operation: bytes) -> int:
    """The flags that the operation defines."""
    defined = ARITHMETIC & ~(0x10 if operation == SHL else 0)
    return guest.cpu.registers.get("rflags") & defined


@pytest.mark.parametrize("operation", [CMP, ADD, ADC, SHL])
@pytest.mark.parametrize("how", ["open", "sealed", "tracked", "no-execute"])
@pytest.mark.parametrize("access", [STORE, LOAD])
def test_an_access_that_faults_leaves_the_flags(
    operation: bytes, how: str, access: bytes
) -> None:
    for a, b in PAIRS:
        guest = guest_with(operation + access, a, b)
        if how == "open":
            guest.machine.board.npt.lift(gpa(FIRST))
        elif how == "tracked":
            guest.machine.tracked.add(gpa(FIRST), "wait")
        elif how == "no-execute":
            guest.nested(FIRST, "rw")
        assert guest.run(2) == ""
        assert arithmetic(guest, operation) == flags(operation, a, b), (a, b)


@pytest.mark.parametrize("exit_", [b"\xf3\x90", b"\x0f\x09", b"\x0f\xa2", b"\xe6\x80"])
def test_an_exit_leaves_the_flags(exit_: bytes) -> None:
    """PAUSE, WBINVD, CPUID and OUT."""
    for a, b in PAIRS:
        guest = guest_with(CMP + exit_, a, b)
        assert guest.run(2) == ""
        assert arithmetic(guest, CMP) == flags(CMP, a, b), (a, b)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_a_branch_behind_a_store_that_is_absorbed_goes_the_right_way(a: int, b: int) -> None:
    guest = guest_with(CMP + STORE + b"\x72\x01\x90", a, b)  # jb over a nop
    guest.run(3)
    assert guest.cpu.registers.rip == gva(CODE[0], 9 if a < b else 8)
