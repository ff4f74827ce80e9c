"""Instructions are told as they are, and what they touch is what the emulator sees touched."""

import random
from collections.abc import Iterator

import pytest
import unicorn
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from unicorn import x86_const

from emu.boot.disasm import Instruction, decode, length


def one(code: str, mode: str = "long", at: int = 0x1000) -> Instruction:
    """The instruction of some hexadecimal digits."""
    found = decode(bytes.fromhex(code), at, mode)
    assert found is not None, code
    return found


@pytest.mark.parametrize(
    ("code", "mode", "text"),
    [
        ("488b07", "long", "mov rax, qword ptr [rdi]"),
        ("660f01cc", "long", "tdcall "),
        ("660f01cc", "protected", "tdcall "),
        ("0f01d9", "long", "vmmcall "),
        ("f390", "long", "pause "),
        ("f30fc7f8", "long", "rdpid rax"),
        ("f00fb10f", "long", "lock cmpxchg dword ptr [rdi], ecx"),
        ("ea00800010", "real", "ljmp 0x1000:0x8000"),
        ("8b46fc", "real", "mov ax, word ptr [bp - 4]"),
        ("8b46fc", "protected", "mov eax, dword ptr [esi - 4]"),
        ("40", "compatibility", "inc eax"),
    ],
)
def test_the_text_is_that_of_the_mode(code: str, mode: str, text: str) -> None:
    found = one(code, mode)
    assert f"{found.mnemonic} {found.operands}" == text
    assert found.bytes.hex() == code
    assert (found.address, found.size) == (0x1000, len(code) // 2)


@pytest.mark.parametrize("code", ["", "0f", "48", "ffff", "660f01", "06"])
def test_what_is_no_instruction_is_none_and_one_byte_long(code: str) -> None:
    assert decode(bytes.fromhex(code), 0, "long") is None
    assert length(bytes.fromhex(code), "long") == 1


@pytest.mark.parametrize(
    ("code", "kind", "target"),
    [
        ("e8fb0f0000", "call", 0x2000),
        ("ff17", "call", None),
        ("ebfe", "jump", 0x1000),
        ("ffe0", "jump", None),
        ("75fe", "branch", 0x1000),
        ("e2fe", "branch", 0x1000),
        ("c3", "ret", None),
        ("48cf", "ret", None),
        ("90", "other", None),
        ("0f0b", "other", None),
    ],
)
def test_where_control_goes_is_told(code: str, kind: str, target: int | None) -> None:
    found = one(code)
    assert (found.kind, found.target) == (kind, target)


def test_more_bytes_than_the_instruction_change_nothing() -> None:
    assert one("488b07" + "cc" * 12) == one("488b07")
    assert length(bytes.fromhex("660f01cc") + bytes(11), "long") == 4


@pytest.mark.parametrize(
    ("code", "wide"),
    [("39ca", 4), ("4839ca", 8), ("6639ca", 2), ("38ca", 1), ("4438d8", 1), ("38cc", 0),
     ("3bca", 4), ("390a", 0), ("83f901", 0), ("29ca", 0), ("85ca", 0)],
)  # fmt: skip
def test_how_wide_two_registers_are_compared_is_told(code: str, wide: int) -> None:
    """CMP of AH, of memory or a number, SUB and TEST are no comparison of two whole parts."""
    assert one(code).compares == wide


@pytest.mark.parametrize(
    ("code", "leaves"),
    [("48c1e920", False), ("c1e91f", False), ("c1e920", True), ("48c1e940", True),
     ("48d3e9", True), ("66c1e90f", False)],
)  # fmt: skip
def test_a_shift_by_nothing_leaves_the_flags(code: str, leaves: bool) -> None:
    """SDM 2B, SHR: the count is masked to 5 bits, and to 6 with REX.W."""
    assert ("rflags" in one(code).reads) == leaves


def test_only_repeated_string_instructions_retire_once_per_round() -> None:
    for code in ("f3aa", "f3a4", "f348ab", "f2ae", "f3a6", "f2a5", "f36c"):
        assert one(code).repeats, code
    for code in ("aa", "f390", "f20f1007", "f30fb8c1", "f3c3", "f30f1efa"):
        assert not one(code).repeats, code


@pytest.mark.parametrize(
    ("code", "mode", "expected"),
    [
        ("50", "long", ("rsp", -8, 8, "w", 8)),
        ("6650", "long", ("rsp", -2, 2, "w", 8)),
        ("50", "protected", ("rsp", -4, 4, "w", 4)),
        ("58", "real", ("rsp", 0, 2, "r", 2)),
        ("c9", "long", ("rbp", 0, 8, "r", 8)),
        ("c3", "protected", ("rsp", 0, 4, "r", 4)),
        ("48cf", "long", ("rsp", 0, 40, "r", 8)),
        ("e800000000", "long", ("rsp", -8, 8, "w", 8)),
    ],
)
def test_the_stack_is_an_operand_too(
    code: str, mode: str, expected: tuple[str, int, int, str, int]
) -> None:
    (found,) = one(code, mode).memory
    row = (found.base, found.displacement, found.size, found.access, found.address_bytes)
    assert row == expected


def test_addresses_wrap_at_the_width_of_the_mode() -> None:
    code = one("8b43fc", "protected")
    assert code.memory[0].address(lambda _: 0, code) == 0xFFFFFFFC
    code = one("8b47fc", "real")
    assert code.memory[0].address(lambda _: 0, code) == 0xFFFC
    code = one("488b0500000000")
    assert code.memory[0].address(lambda _: 0, code) == 0x1007


def test_a_segment_with_a_base_of_its_own_is_told() -> None:
    assert one("65488b042500000000").memory[0].segment == "gs"
    assert one("64488b07").memory[0].segment == "fs"
    assert one("488b07").memory[0].segment == ""


def test_what_touches_more_than_it_tells_says_so() -> None:
    for code in (
        "660f01cc",
        "0f01d9",
        "0f01c1",
        "48cf",
        "0fab07",
        "0fa307",
        "d7",
        "c8000001",
        "64488b07",
    ):
        assert not one(code).exact, code
    for code in ("488b07", "f390", "0fba2f03", "f00fb10f", "0faee8", "0fabc8", "f3aa"):
        assert one(code).exact, code
    assert "rax" in one("660f01cc").writes, "a TDCALL may answer in any register"


@given(st.binary(max_size=15), st.sampled_from(("long", "compatibility", "protected", "real")))
def test_any_bytes_are_survived(code: bytes, mode: str) -> None:
    found = decode(code, 0xFFFF_8000_0000_0000, mode)
    assert found is None or found.bytes == code[: found.size]
    assert 1 <= length(code, mode) <= 15


# -- against the emulator ---------------------------------------------------------------------

GENERAL = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
NUMBER = {n: getattr(x86_const, f"UC_X86_REG_{n.upper()}") for n in (*GENERAL, "rflags")}
FLAGS = 0x8D5
CODE_AT, DATA_AT, BYTES = 0x100_0000, 0x200_0000, 0x10_0000
MIDDLE = DATA_AT + BYTES // 2

ENCODINGS = """\
488b07 8a07 668b07 488907 8807 c60705 48c7c105000000 b005 66b80500 4889d8 88d8 88c4
3b07 3907 3807 663907 66833f01 803f01 85c0 8507 840f f60701 f70705200000 a801
01d8 0107 00d8 0307 11d8 29d8 19d8 21d8 2107 09d8 31d8 31c0 3007 f7d8 f71f f617 f7d0
ffc0 ff07 fe07 ffc8 ff0f f00fb10f f00fb117 0fb1cb 0fb0d9 f00fc107 f0480fc10f 0fc1d8 8707 87d8
0fc70f f0480fc70f 480fc33f f0ff07 f02107 f00907 f00107 f00fba2f03
50 6650 57 ff37 58 8f07 6a01 6878563400 9c 9d c9
d1e0 c1e003 c1e000 48c1e220 d3e0 c0e805 c1f803 d327 0fa4c803 0fa5c8 0facc803
c1c003 c00705 d3c8 d1d0 d11f c0d805
0fbae003 0fba2703 0fa3c8 0fabc8 0fb3c8 0fbbc8 0fba2f03
0fbcc1 0fbdc1 f30fb8c1 0fc8 480fc9 98 6698 4898 99 4899
f7e1 f6e1 f7f1 0fafc1 0faf07 6bc103 69c100010000
0f44c1 0f4507 660f42c1 480f47d9 0f9407 0f94c0 0f9207 0f9fc3
0fb607 0fb7c1 0fbe07 4863c1 480fbf0f 486307
488d07 488d440733 0f1f00 90 f390 0fae3f 0f1807
a4 a5 aa ab ac 48ad a6 a7 ae af f3a4 f3aa f3ab f3a6 f2ae f348a5 f3ac f2a5
f8 f9 f5 fc fd 9e 9f 0faee8 0faef0
e300 7500 eb00 e200
678b07 4d8b07 458807 4489442410 8b442408 48836c240801
"""
"""In hexadecimal; addresses are in RDI, RSI, RBP or RSP, or as named below."""


class Ran(Struct, frozen=True):
    """What one instruction did: registers after it, and (access, address, bytes, value)."""

    registers: dict[str, int]
    accesses: tuple[tuple[str, int, int, int], ...]

    def touched(self, access: str) -> set[int]:
        """Addresses of all bytes read or written."""
        rows = [(at, size) for kind, at, size, _ in self.accesses if kind == access]
        return {byte for at, size in rows for byte in range(at, at + size)}


class Bare:
    """A bare processor in long mode without paging, which runs one instruction at a time."""

    def __init__(self) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.uc.mem_map(CODE_AT, BYTES)
        self.uc.mem_map(DATA_AT, BYTES)
        self.data = random.Random(1).randbytes(BYTES)
        self.next = CODE_AT
        self.seen: list[tuple[str, int, int, int]] = []
        both = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE
        self.uc.hook_add(both, self._note)

    def _note(self, _: object, kind: int, at: int, size: int, value: int, __: object) -> None:
        if kind == unicorn.UC_MEM_WRITE:
            self.seen.append(("w", at, size, value & (1 << 8 * size) - 1))
        else:
            self.seen.append(("r", at, size, 0))

    def run(self, code: bytes, registers: dict[str, int]) -> Ran:
        """Each run has fresh data, and code where no other code was."""
        self.seen.clear()
        self.next += 64
        self.uc.mem_write(self.next, code + b"\x90" * 16)
        self.uc.mem_write(MIDDLE - 0x8000, self.data[BYTES // 2 - 0x8000 :][:0x10000])
        for name, value in registers.items():
            self.uc.reg_write(NUMBER[name], value)
        self.uc.emu_start(self.next, self.next + 64, count=1)
        after = {name: self.uc.reg_read(number) for name, number in NUMBER.items()}
        return Ran(after, tuple(self.seen))


@pytest.fixture(scope="module")
def bare() -> Bare:
    """One for all instructions: making it is slow."""
    return Bare()


def states(code: Instruction, rounds: int) -> Iterator[tuple[dict[str, int], dict[str, int]]]:
    """Pairs of register sets that differ in all that the instruction does not read."""
    generator = random.Random(code.bytes)
    flags = generator.getrandbits
    for _ in range(rounds):
        first = {name: generator.getrandbits(64) for name in GENERAL}
        first |= dict.fromkeys(("rsi", "rdi", "rbp"), 0)
        for name in ("rsi", "rdi", "rbp", "rsp", *(m.base for m in code.memory)):
            if name:
                first[name] = MIDDLE + 16 * generator.randrange(256)
        for operand in code.memory:
            if operand.index:
                first[operand.index] = generator.randrange(64)
        first["rcx"] = generator.choice((0, 1, 3, generator.getrandbits(30), first["rcx"]))
        if code.repeats:
            first["rcx"] = generator.randrange(6)
        if code.mnemonic == "div":
            first |= {"rcx": 1 << 63 | 0xFFFFFFFF, "rdx": 0}
        first["rflags"] = 2 | flags(12) & FLAGS
        second = {name: generator.getrandbits(64) for name in GENERAL}
        second["rflags"] = 2 | flags(12) & FLAGS
        yield first, second | {name: first[name] for name in code.reads if name in first}


@pytest.mark.parametrize("digits", ENCODINGS.split())
def test_registers_and_memory_are_those_the_emulator_touches(bare: Bare, digits: str) -> None:
    code = one(digits)
    assert code.size == len(digits) // 2
    for first, second in states(code, 4):
        pair = bare.run(code.bytes, first), bare.run(code.bytes, second)
        for name in NUMBER:
            mask = FLAGS if name == "rflags" else (1 << 64) - 1
            after = [ran.registers[name] & mask for ran in pair]
            if name in code.writes:
                assert after[0] == after[1], f"{name} depends on a register outside reads"
            else:
                assert after == [first[name] & mask, second[name] & mask], f"{name} is written"
        assert pair[0].accesses == pair[1].accesses, "memory depends on more than reads"
        if not code.repeats:
            _check_operands(code, first, pair[0])


def _check_operands(code: Instruction, registers: dict[str, int], ran: Ran) -> None:
    """Every byte touched is in an operand, and every operand is touched, CMOV's apart."""
    for access in "rw":
        told: set[int] = set()
        for operand in code.memory:
            start = operand.address(registers.__getitem__, code)
            told |= (
                set(range(start, start + operand.size)) if access in operand.access else set()
            )
        assert told >= ran.touched(access), f"touches more ({access})"
        assert told == ran.touched(access) or code.mnemonic.startswith("cmov")


@pytest.mark.parametrize(("code", "mode", "words", "size"), [
    ("66ff2e6800", "real", "ljmp fword ptr [0x68]", 6),
    ("ff2e6800", "real", "ljmp dword ptr [0x68]", 4),
    ("ff2d68000000", "protected", "ljmp fword ptr [0x68]", 6),
    ("66ff2d68000000", "compatibility", "ljmp dword ptr [0x68]", 4),
    ("ff2f", "long", "ljmp fword ptr [rdi]", 6),
    ("48ff2f", "long", "ljmp tbyte ptr [rdi]", 10),
    ("ff1f", "long", "lcall fword ptr [rdi]", 6),
])  # fmt: skip
def test_a_far_pointer_in_memory_has_its_size(
    code: str, mode: str, words: str, size: int
) -> None:
    """SDM 2, CALL and JMP: FF /3 and FF /5 with m16:16, m16:32 and m16:64."""
    found = decode(bytes.fromhex(code), 0x1000, mode)
    assert found is not None
    assert f"{found.mnemonic} {found.operands}" == words
    assert [(one.size, one.access) for one in found.memory][:1] == [(size, "r")]
    assert not found.exact
