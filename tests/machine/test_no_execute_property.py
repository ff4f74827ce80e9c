"""Random instructions on pages with random rights of the model: each is allowed exactly when
the nested walk allows all its accesses, and then does what it does without no-execute pages.

Every page takes part: those with the code, those with the guest's own tables, those with data.
"""

from collections import Counter
from functools import cache
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from emu.hw.nested_walk import AccessKind
from emu.hw.paging import walk_context
from tests.hw.expected import nested_fault
from tests.machine.bare import CODE, DATA, PAGES, TABLES, Bare, gpa, gva

CASES: Final = 1500
PROGRAMS: Final = 400
Touch = tuple[str, int, AccessKind]
"""(register with the address, offset, access): eight bytes there."""


class Kind(Struct, frozen=True):
    """An instruction, and what it does to memory."""

    code: bytes
    touches: tuple[Touch, ...] = ()
    size: int = 8


KINDS: Final = {
    "nothing": Kind(b"\x90"),
    "compare registers": Kind(b"\x48\x39\xd8"),  # cmp rax, rbx
    "use the carry": Kind(b"\x48\x19\xc0"),  # sbb rax, rax
    "long": Kind(b"\x48\xb8" + bytes(range(8))),  # mov rax, imm64
    "read": Kind(b"\x48\x8b\x03", (("rbx", 0, "read"),)),  # mov rax, [rbx]
    "read byte": Kind(b"\x8a\x03", (("rbx", 0, "read"),), 1),
    "read far": Kind(b"\x48\x8b\x83" + bytes(4), (("rbx", 0, "read"),)),
    "write": Kind(b"\x48\x89\x03", (("rbx", 0, "write"),)),
    "change": Kind(b"\x48\x01\x03", (("rbx", 0, "read"), ("rbx", 0, "write"))),
    "exchange": Kind(b"\x86\x03", (("rbx", 0, "read"), ("rbx", 0, "write")), 1),
    "push": Kind(b"\x50", (("rsp", -8, "write"),)),
    "push memory": Kind(b"\xff\x33", (("rbx", 0, "read"), ("rsp", -8, "write"))),
    "pop": Kind(b"\x59", (("rsp", 0, "read"),)),
    "pop memory": Kind(b"\x8f\x03", (("rsp", 0, "read"), ("rbx", 0, "write"))),
    "call": Kind(b"\xe8" + bytes(4), (("rsp", -8, "write"),)),
    "copy": Kind(b"\x48\xa5", (("rsi", 0, "read"), ("rdi", 0, "write"))),  # movsq
    "compare": Kind(b"\x48\xa7", (("rsi", 0, "read"), ("rdi", 0, "read"))),  # cmpsq
}  # fmt: skip
REGISTERS: Final = ("rbx", "rsp", "rsi", "rdi")

_SPOTS: Final = st.one_of(
    st.sampled_from([0x10, 0xFF8, 0xFFA, 0xFFF, 0x1000, 0x1FFC]), st.integers(0x10, 0x2FE0)
).map(lambda offset: gva(DATA[0], offset))
_DATA_RIGHTS: Final = st.sampled_from(["rwx", "rw", "rw", "rw", "r", "rx", ""])
_TABLE_RIGHTS: Final = st.sampled_from(["rwx", "rw", "rwx", "rw", "rwx", "rw", "rwx", "r"])
_CODE_RIGHTS: Final = st.sampled_from(["rwx", "rx", "rwx", "rx", "rw"])
HALT: Final = b"\xf4"
"""Behind the instructions: the emulator fetches no further."""


class Case(Struct, frozen=True):
    """Instructions, registers and rights."""

    kinds: tuple[str, ...]
    page: int
    offset: int
    """Where the first instruction begins."""
    places: tuple[int, ...]
    rights: tuple[str, ...]
    tracked: frozenset[int]
    """Pages whose every write is seen."""

    def plain(self) -> "Case":
        """The same where nothing is no-execute."""
        return replace(self, rights=tuple(one and one.rstrip("x") + "x" for one in self.rights))

    def rights_of(self, page: int) -> str:
        """The emulator fetches ahead: no page behind the first instruction is absent."""
        return self.rights[page] or ("rw" if page > self.page >= DATA[0] else "")


def cases(count: int) -> st.SearchStrategy[Case]:
    """Cases of so many instructions, begun near the end of a page."""
    return st.builds(
        Case,
        kinds=st.tuples(*[st.sampled_from(sorted(KINDS))] * count),
        page=st.sampled_from([CODE[0]] * 4 + [DATA[1]] * (count == 1)),
        offset=st.integers(0xFF4, 0xFFF) if count == 1 else st.integers(0xFD0, 0xFFF),
        places=st.tuples(*[_SPOTS] * len(REGISTERS)),
        rights=st.tuples(
            *[_TABLE_RIGHTS] * len(TABLES), *[_CODE_RIGHTS] * len(CODE),
            *[_DATA_RIGHTS] * len(DATA),
        ),
        tracked=st.frozensets(st.sampled_from(DATA), max_size=2),
    )  # fmt: skip


@cache
def stage() -> tuple[Bare, bytes]:
    """One machine for all cases, and its CPU's registers."""
    guest = Bare()
    return guest, guest.cpu.registers.save()


def build(case: Case) -> Bare:
    """The case, about to run."""
    guest, registers = stage()
    machine = guest.machine
    guest.cpu.registers.load(registers)
    machine.board.crash = ""
    for page in DATA:
        guest.put(page, 0, bytes((page * 0x1001 + at) % 251 for at in range(0x1000)))
        if page in guest.tracked:
            machine.tracked.remove(gpa(page), "wait")
    guest.tables()
    guest.code(b"".join(KINDS[kind].code for kind in case.kinds) + HALT, case.page, case.offset)
    for name, value in zip(REGISTERS, case.places, strict=True):
        guest.cpu.registers.put(name, value)
    for page in range(PAGES):
        guest.nested(page, case.rights_of(page))
    guest.tracked = {page for page in case.tracked if case.rights_of(page)}
    for page in guest.tracked:
        machine.tracked.add(gpa(page), "wait")
    machine.board.undo.cut()
    return guest


def refusals(guest: Bare, spans: list[tuple[int, int, AccessKind]]) -> list[str]:
    """What the model refuses of accesses to (address, bytes), in the words of a crash."""
    found = []
    for first, size, access in spans:
        for at in sorted({first, first + size - 1 & ~0xFFF} - {first & ~0xFFF} | {first}):
            walk = walk_context(
                guest.machine.board.memory,
                guest.machine.board.npt,
                guest.cpu.registers,
                at,
                access,
            )
            fault = nested_fault(walk)
            if fault is not None:
                place, error = fault
                verb = "fetching" if error & 16 else "writing" if error & 2 else "reading"
                found.append(f"{verb} GPA {place:#x}")
    return found


def names(said: str, refusal: str) -> bool:
    """Whether a crash is about a refusal; which address or table it is for may follow."""
    return f"{refusal}," in said or f"{refusal} for " in said


def state(guest: Bare) -> tuple[bytes, bytes, list[int]]:
    """All that the guest could look at."""
    data = b"".join(guest.read(page, 0, 0x1000) for page in (*CODE, *DATA))
    entries = [guest.entry(page) for page in range(PAGES)]
    return guest.cpu.registers.architectural(), data, entries


def check(case: Case) -> str:
    """One instruction against the model, and against itself without NX."""
    guest = build(case)
    kind, get = KINDS[case.kinds[0]], guest.cpu.registers.get
    own = refusals(guest, [(get("rip"), len(kind.code), "execute")])
    data = refusals(
        guest,
        [(get(name) + offset, kind.size, access) for name, offset, access in kind.touches],
    )
    ticks = guest.cpu.ticks
    said = guest.step()
    assert guest.cpu.ticks - ticks == (not own and not data), (case, said, own, data)
    if own or data:
        assert any(names(said, one) for one in own[:1] or data), (case, said, own, data)
        return "fetch refused" if own else "data refused"
    if said:
        fetches = refusals(guest, [(get("rip"), 1, "execute")])
        assert any(names(said, one) for one in fetches), case
    after = state(guest)
    plain = build(case.plain())
    assert plain.step() == ""
    assert state(plain) == after, case
    return "allowed" if any("x" not in one for one in case.rights) else "plain"


@pytest.mark.breadth
def test_an_instruction_does_what_the_model_allows_and_nothing_else() -> None:
    tally: Counter[str] = Counter()

    @settings(
        max_examples=CASES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases(1))
    def agree(case: Case) -> None:
        tally[check(case)] += 1

    agree()
    assert min(tally["allowed"], tally["fetch refused"], tally["data refused"]) > CASES // 20


def ran(case: Case, parts: tuple[int, ...]) -> tuple[int, str, bytes, bytes]:
    """What a program comes to that is stopped between its parts."""
    guest = build(case)
    ticks = guest.cpu.ticks
    for part in parts:
        said = guest.run(part)
    registers, data, _ = state(guest)
    return guest.cpu.ticks - ticks, said, registers, data


@pytest.mark.breadth
def test_no_stop_changes_what_a_program_does_before_it_is_refused() -> None:
    @settings(
        max_examples=PROGRAMS, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases(6), st.integers(1, 5))
    def agree(case: Case, first: int) -> None:
        count = len(case.kinds)
        whole = ran(case, (count,))
        assert ran(case, (first, count - first)) == ran(case, (1,) * count) == whole, case
        if not whole[1]:
            assert ran(case.plain(), (count,)) == whole, case

    agree()
