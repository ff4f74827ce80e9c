"""The nested walk agrees with the emulated MMU on 4,000 built nested tables.

The guest's own tables allow everything; the nested tables are bare ones, with leaves of every
size, and up to two things broken on the way to the page or to a guest table.
"""

from collections import Counter
from functools import cache
from typing import Final, Literal, get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from emu.hw.address import Gva, Hpa
from emu.hw.nested_walk import LARGE, NO_EXECUTE, PRESENT, USER, WRITE, AccessKind, walk_nested
from emu.hw.paging import PagingRules, walk
from emu.hw.paging_modes import CR0_PG, CR0_WP, CR4_PAE, EFER_LMA, EFER_NXE
from tests.hw import mmu
from tests.hw.mmu import GUEST, Mmu

CASES: Final = 4_000
RIGHTS: Final = PRESENT | WRITE | USER
SHIFTS: Final = (39, 30, 21, 12)
ROOT: Final = Hpa(0x101000)
LOW: Final = (0x102000, 0x103000, 0x104000)
"""Nested tables of the first 2 MiB of the guest: its own tables and the instructions."""
FAR: Final = (0x105000, 0x106000, 0x107000)
"""Nested tables that only the accessed page needs."""
GUEST_TABLES: Final = (0x1000, 0x2000, 0x3000, 0x4000)
LOW_PAGES: Final = 9
"""Guest pages that the low nested tables map, from GPA 0, at HPAs in another order."""
IGNORED: Final = 0x7FF << 52 | 0xF78
"""A, D, caching, G and software bits: the nested walk does not ask for them."""

Break = Literal[
    "absent", "read-only", "supervisor", "no execute", "reserved", "high bit", "page size"
]
_WORD: Final = st.integers(0, (1 << 64) - 1)
_SMALL: Final = st.integers(0, 255)


class Case(Struct, frozen=True):
    """What a case is made of; numbers are taken modulo what there is to choose from."""

    access: AccessKind
    cpl: int
    gpa: int
    """The accessed page, as far as a large leaf does not decide it."""
    hpa: int
    nested_leaf: int
    """Depth of the nested leaf: 1 GiB, 2 MiB or 4 KiB."""
    guest_leaf: int
    noise: tuple[int, ...]
    breaks: tuple[tuple[Break, int, int], ...]
    """(what, which entry, which bit)."""


CASES_OF: Final = st.builds(
    Case,
    access=st.sampled_from(get_args(AccessKind)),
    cpl=st.sampled_from((0, 3)),
    gpa=_WORD,
    hpa=st.integers(0, (1 << 16) - 1),
    nested_leaf=st.integers(1, 3),
    guest_leaf=st.integers(1, 3),
    noise=st.tuples(_WORD, _WORD, _WORD, _WORD),
    breaks=st.lists(
        st.tuples(st.sampled_from(get_args(Break)), _SMALL, _SMALL), max_size=2
    ).map(tuple),
)


class Built(Struct):
    """A case in memory: the address, and the HPAs of nested entries that it depends on."""

    gva: Gva
    gpa: int
    path: list[int] = field(default_factory=list)
    """Entries for the page that is accessed."""
    others: list[int] = field(default_factory=list)
    """Entries for the guest's tables."""


@cache
def stage() -> Mmu:
    """The engine, used for every case."""
    return Mmu()


def index(address: int, depth: int) -> int:
    """The index into the table of a level, root first."""
    return address >> SHIFTS[depth] & 511


def low_page(gpa: int) -> Hpa:
    """Where the low nested tables have a guest page."""
    return Hpa(GUEST + 0x1000 * ((gpa >> 12) * 5 % LOW_PAGES) + (gpa & 0xFFF))


def target(case: Case) -> tuple[int, int]:
    """(GPA, HPA) of the access; a large nested leaf fixes the GPA's low bits."""
    pages = mmu.GUEST_BYTES // 0x1000 - LOW_PAGES
    hpa = GUEST + 0x1000 * (LOW_PAGES + (case.hpa >> 8) % pages) + 0x10 * (case.hpa & 0xFF)
    offset = (1 << SHIFTS[case.nested_leaf]) - 1
    gpa = case.gpa & 0xFF_FFFF_F000 & ~offset | hpa & offset
    return (gpa if gpa >> 30 else gpa | 1 << 30), min(hpa, hpa & ~0xFFF | 0xFF0)


def build(machine: Mmu, case: Case) -> Built:
    """Nested and guest tables that let the access through."""
    gpa, hpa = target(case)
    built = Built(Gva(0), gpa & ~0xFFF | hpa & 0xFFF)
    machine.clear()
    machine.memory.zero(ROOT, 0x8000)
    _low_tables(machine, case, built)
    _far_tables(machine, case, built, hpa)
    _guest_tables(machine, case, built)
    return built


def _low_tables(machine: Mmu, case: Case, built: Built) -> None:
    """The first guest pages, 4 KiB each."""
    chain = (ROOT, *LOW)
    for table, below in zip(chain, LOW, strict=False):
        machine.memory.put_u64(table, below | RIGHTS | case.noise[0] & IGNORED)
        built.others.append(table)
    for page in range(LOW_PAGES):
        place = LOW[-1] + 8 * page
        machine.memory.put_u64(place, low_page(page << 12) | RIGHTS | case.noise[1] & IGNORED)
    built.others += [LOW[-1] + (table >> 9) for table in GUEST_TABLES[: case.guest_leaf + 1]]


def _far_tables(machine: Mmu, case: Case, built: Built, hpa: int) -> None:
    """The page that is accessed, by a leaf of the wanted size."""
    first = LOW[0] if index(built.gpa, 0) == 0 else FAR[0]
    tables = (ROOT, first, *FAR[1:])
    for depth in range(case.nested_leaf + 1):
        place = tables[depth] + 8 * index(built.gpa, depth)
        if depth == case.nested_leaf:
            size = 1 << SHIFTS[depth]
            pat = 1 << 12 if size > 0x1000 else 0
            entry = hpa & ~(size - 1) | (LARGE if size > 0x1000 else 0)
            entry |= case.noise[2] & (IGNORED | pat)
        else:
            entry = tables[depth + 1] | case.noise[3] & IGNORED
        machine.memory.put_u64(place, entry | RIGHTS)
        built.path.append(place)


def _guest_tables(machine: Mmu, case: Case, built: Built) -> None:
    """Guest tables with a leaf of the wanted size, and every right."""
    size = 1 << SHIFTS[case.guest_leaf]
    built.gva = Gva(0x1234_5678_9000 & ~(size - 1) | built.gpa & size - 1)
    for depth in range(case.guest_leaf + 1):
        entry = GUEST_TABLES[depth + 1] if depth < case.guest_leaf else built.gpa & ~(size - 1)
        large = LARGE if depth == case.guest_leaf < 3 else 0
        place = GUEST_TABLES[depth] + 8 * index(built.gva, depth)
        machine.put("4-level", low_page, place, entry & ~0xFFF | RIGHTS | large)
    machine.map_code("4-level", GUEST_TABLES[0], low_page)


def spoil(machine: Mmu, case: Case, built: Built) -> list[tuple[int, int]]:
    """Break what the case says; returns (HPA, entry) of what was there, for putting back."""
    places = [*built.path, *built.path, *built.others]
    before = [(place, machine.memory.u64(place)) for place in places]
    for what, where, bit in case.breaks:
        place = places[where % len(places)]
        # An entry with NX under a guest table kills the emulator: see NestedPageTable.lend.
        if what == "no execute" and place in built.others:
            continue
        entry = machine.memory.u64(place)
        changed = {
            "absent": entry & ~PRESENT,
            "read-only": entry & ~WRITE,
            "supervisor": entry & ~USER,
            "no execute": entry | NO_EXECUTE,
            "reserved": entry | 1 << 13 + bit % 17,
            "high bit": entry | 1 << 40 + bit % 12,
            "page size": entry ^ LARGE,
        }
        machine.memory.put_u64(place, changed[what])
    return before


def check(case: Case) -> str:
    """Build, foretell, access and compare one case."""
    machine = stage()
    built = build(machine, case)
    before = spoil(machine, case, built)
    rules = PagingRules(
        cr0=0x33 | CR0_PG | CR0_WP, cr3=GUEST_TABLES[0], cr4=CR4_PAE,
        efer=0x100 | EFER_LMA | EFER_NXE, cpl=case.cpl, alignment_check=False,
    )  # fmt: skip
    found = walk(machine.memory, ROOT, rules, built.gva, case.access)
    mmu.place_code(machine.memory, found)
    assume(walk(machine.memory, ROOT, rules, built.gva, case.access) == found)
    # Broken tables may lead out of the guest: to nothing (the engine reads zeros there), or to
    # what the host needs itself.
    assume("no host memory" not in found.why)
    assume(found.hpa is None or GUEST <= found.hpa < GUEST + mmu.GUEST_BYTES)
    expected = mmu.image_after(machine.image(), found)
    after = [(place, machine.memory.u64(place)) for place, _ in before]
    put(machine, before)
    seen = machine.attempt(rules, ROOT, built.gva, case.access, lambda: put(machine, after))
    assert seen == mmu.predicted(found, expected), "\n".join((str(seen), *found.lines()))
    assert machine.image() == expected, "\n".join(found.lines())
    last = found.nested if found.nested is not None else found.levels[-1].nested
    assert walk_nested(machine.memory, ROOT, last.gpa, last.access).hpa == last.hpa
    return f"{'page' if found.nested else 'table'}: {last.verdict}"


def put(machine: Mmu, entries: list[tuple[int, int]]) -> None:
    """Store nested entries."""
    for place, entry in entries:
        machine.memory.put_u64(place, entry)


WANTED: Final = (
    "page: ok", "page: not present", "page: reserved bits", "page: user bit clear",
    "page: no execute", "page: read-only", "table: not present", "table: reserved bits",
    "table: user bit clear", "table: read-only",
)  # fmt: skip


@pytest.mark.breadth
def test_the_nested_walk_agrees_with_the_emulated_mmu() -> None:
    tally: Counter[str] = Counter()

    @settings(
        max_examples=CASES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(CASES_OF)
    def agree(case: Case) -> None:
        tally[check(case)] += 1

    agree()
    assert sum(tally.values()) >= CASES
    assert not {verdict for verdict in WANTED if not tally[verdict]}, tally
