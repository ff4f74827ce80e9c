"""The guest walk agrees with the emulated MMU on 6,000 built page tables.

A case is a walk that would succeed, with up to two things broken: result, fault, error code,
address, and every A and D bit afterwards must be as the walk foretells.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Final, Literal, get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from emu.hw.address import Gpa, Gva, Hpa
from emu.hw.nested import NestedPageTable as Npt
from emu.hw.nested_walk import DIRTY, LARGE, NO_EXECUTE, PRESENT, USER, WRITE, AccessKind
from emu.hw.paging import PagingRules, walk
from emu.hw.paging_modes import (
    CR0_PG,
    CR0_WP,
    CR4_PAE,
    CR4_PSE,
    CR4_SMAP,
    CR4_SMEP,
    EFER_LMA,
    EFER_NXE,
    FORMATS,
    Format,
    PagingMode,
)
from tests.hw import mmu
from tests.hw.mmu import CODE, CODE_PAGES, GUEST, Mmu

CASES: Final = 10_000
TABLES_LOW: Final = (0x1000, 0x3000, 0x7FF000, 0x12345000, 0xFFFFE000)
TABLES_HIGH: Final = (0x1_2345_6000, 0x80_0000_1000, 0xFF_FFFF_F000)
PAGES_LOW: Final = (0x10000, 0x11000, 0x2FF000, 0x3FA00000, 0x7FFFE000)
PAGES_HIGH: Final = (0x2_0000_5000, 0x80_4000_0000, 0xC0_1234_5000)
_EFER_LME: Final = 1 << 8

Break = Literal[
    "absent", "read-only", "supervisor", "no execute", "reserved", "high bit", "page size",
    "not canonical", "nested absent", "nested read-only", "nested no execute",
    "nested reserved",
]  # fmt: skip


class Case(Struct, frozen=True):
    """What a case is made of; numbers are taken modulo what there is to choose from."""

    mode: PagingMode
    access: AccessKind
    cpl: int
    controls: int
    """Bits: WP, NXE, SMEP, SMAP, AC, PSE."""
    depth: int
    """At which of the possible levels the leaf is."""
    address: int
    tables: tuple[int, ...]
    page: int
    noise: tuple[int, ...]
    """Bits of each entry that must not matter, and A and D."""
    breaks: tuple[tuple[Break, int, int], ...]
    """(what, level, which bit)."""


_MODES: Final[tuple[PagingMode, ...]] = (
    *("4-level",) * 10,
    "PAE",
    "PAE",
    "32-bit",
    "32-bit",
    "off",
)
_WORD: Final = st.integers(0, (1 << 64) - 1)
_SMALL: Final = st.integers(0, 255)
CASES_OF: Final = st.builds(
    Case,
    mode=st.sampled_from(_MODES),
    access=st.sampled_from(get_args(AccessKind)),
    cpl=st.sampled_from((0, 3)),
    controls=st.integers(0, 63),
    depth=_SMALL,
    address=_WORD,
    tables=st.tuples(_SMALL, _SMALL, _SMALL, _SMALL),
    page=_SMALL,
    noise=st.tuples(_WORD, _WORD, _WORD, _WORD),
    breaks=st.lists(
        st.tuples(st.sampled_from(get_args(Break)), st.integers(0, 4), _SMALL), max_size=2
    ).map(tuple),
)


@cache
def stage() -> tuple[Mmu, Npt]:
    """The engine, and a nested table that maps every guest page somewhere else."""
    machine = Mmu()
    npt = Npt(machine.memory, mmu.TABLES, mmu.TABLES_BYTES)
    code = tuple(CODE + 0x1000 * page for page in range(CODE_PAGES))
    pages = (*TABLES_LOW, *TABLES_HIGH, *PAGES_LOW, *PAGES_HIGH, *code)
    for number, gpa in enumerate(pages):
        hpa = GUEST + 0x1000 * (number * 7 % len(pages))
        npt.map(Gpa(gpa), Hpa(hpa), 1)
    return machine, npt


def rules_of(case: Case, root: int) -> PagingRules:
    """Control registers for a case."""
    wp, nxe, smep, smap, ac, pse = (bool(case.controls >> bit & 1) for bit in range(6))
    paging = CR0_PG if case.mode != "off" else 0
    cr4 = CR4_PAE if case.mode in ("4-level", "PAE") else 0
    cr4 |= CR4_SMEP * smep | CR4_SMAP * smap | CR4_PSE * pse
    long = _EFER_LME | EFER_LMA if case.mode == "4-level" else 0
    return PagingRules(
        cr0=0x33 | paging | CR0_WP * wp, cr3=root, cr4=cr4, efer=long | EFER_NXE * nxe,
        cpl=case.cpl, alignment_check=ac,
    )  # fmt: skip


class Built(Struct):
    """A case in memory: entry places (GPA) root first, and the address to access."""

    rules: PagingRules
    gva: int
    places: list[int]
    page: int


def build(machine: Mmu, npt: Npt, case: Case) -> Built:
    """Guest tables that let the access through, as far as the noise does."""
    high = case.mode == "4-level"
    tables = (*TABLES_LOW, *TABLES_HIGH) if high else TABLES_LOW
    chosen = [tables[number % len(tables)] for number in case.tables]
    root = chosen[0] + (case.noise[0] >> 40 & 0xFE0 if case.mode == "PAE" else 0)
    rules = rules_of(case, root)
    sizes = leaf_depths(FORMATS[case.mode], rules)
    leaf = sizes[case.depth % len(sizes)] if sizes else -1
    far = high or case.mode == "PAE" or (case.mode == "32-bit" and leaf == 0)
    pages = (*PAGES_LOW, *PAGES_HIGH) if far else PAGES_LOW
    page = pages[case.page % len(pages)]
    machine.clear()
    machine.map_code(case.mode, root, npt.hpa_of)
    if case.mode == "off":
        return Built(rules, page | case.address & 0xFF0, [], page)
    return _chain(machine, npt, case, Built(rules, 0, [], page), [root, *chosen[1:]], leaf)


def leaf_depths(form: Format, rules: PagingRules) -> list[int]:
    """Depths at which this mode may have a leaf."""
    pse = form.entry_bytes == 8 or rules.cr4 & CR4_PSE
    last = len(form.levels) - 1
    return [at for at, level in enumerate(form.levels) if at == last or (level.large and pse)]


def _chain(
    machine: Mmu, npt: Npt, case: Case, built: Built, tables: list[int], leaf: int
) -> Built:
    """One entry per level down to the leaf, and the address that leads through them."""
    mode, levels = case.mode, FORMATS[case.mode].levels
    offset = (1 << levels[leaf].shift) - 1
    gva = case.address & 0x0000_FFFF_FFFF_F000 & ~offset | built.page & offset
    gva |= case.address & 0xFF0
    code = mmu.entry_place(mode, tables[0], mmu.code_slot(mode))
    for table, level in zip(tables, levels[: leaf + 1], strict=False):
        if mmu.entry_place(mode, table, gva >> level.shift & level.entries - 1) == code:
            gva ^= 1 << level.shift
    gva |= 0xFFFF << 48 if gva >> 47 & 1 else 0
    built.gva = gva if mode == "4-level" else gva & 0xFFFFFFFF
    for depth, level in enumerate(levels[: leaf + 1]):
        place = mmu.entry_place(mode, tables[depth], gva >> level.shift & level.entries - 1)
        below = built.page if depth == leaf else tables[depth + 1]
        entry = _entry(case, level.shift, depth == leaf, below)
        entry |= _noise(case, depth, leaf)
        machine.put(mode, npt.hpa_of, place, entry)
        built.places.append(place)
    return built


def _entry(case: Case, shift: int, leaf: bool, below: int) -> int:
    """An entry with all rights."""
    if case.mode == "PAE" and shift == 30:
        return below | PRESENT
    rights = PRESENT | WRITE | USER
    if not leaf or shift == 12:
        return below | rights
    if shift == 22:
        return below & 0xFFC00000 | (below >> 32 & 0xFF) << 13 | rights | LARGE
    return below & ~((1 << shift) - 1) | rights | LARGE


def _noise(case: Case, depth: int, leaf: int) -> int:
    """Bits that the processor ignores here: A, D, caching, G, software, PAT."""
    ignored = 0xF38 | (DIRTY if depth == leaf else 0)
    if case.mode == "4-level":
        ignored |= 0x7FF << 52
    if depth == leaf and FORMATS[case.mode].levels[leaf].shift > 12:
        ignored |= 1 << 12
    if case.mode == "PAE" and depth == 0:
        ignored = 0xE00
    return case.noise[depth] & ignored


def spoil(machine: Mmu, npt: Npt, case: Case, built: Built) -> list[tuple[Gpa, int]]:
    """Break what the case says; returns the nested leaves to put back."""
    kept: list[tuple[Gpa, int]] = []
    for what, where, bit in sorted(
        case.breaks, key=lambda broken: broken[0].startswith("nested")
    ):
        if what == "not canonical":
            built.gva ^= 1 << 48 + bit % 16 if case.mode == "4-level" else 0
        elif what.startswith("nested"):
            spots = [*built.places, built.page]
            page = Gpa(spots[where % len(spots)] & ~0xFFF)
            kept.append((page, npt.leaf(page)))
            npt.set_leaf(page, _spoiled_nested(what, npt.leaf(page), bit))
        elif built.places:
            place = built.places[where % len(built.places)]
            _spoil_entry(machine, npt, case.mode, place, what, bit)
    return kept


def _spoiled_nested(what: Break, entry: int, bit: int) -> int:
    change: dict[str, Callable[[int], int]] = {
        "nested absent": lambda leaf: leaf & ~PRESENT,
        "nested read-only": lambda leaf: leaf & ~WRITE,
        "nested no execute": lambda leaf: leaf | NO_EXECUTE,
        "nested reserved": lambda leaf: leaf | 1 << 40 + bit % 12,
    }
    return change[what](entry)


def _spoil_entry(
    machine: Mmu, npt: Npt, mode: PagingMode, place: int, what: Break, bit: int
) -> None:
    """Change one guest entry."""
    hpa = npt.hpa_of(place)
    assert hpa is not None
    width = FORMATS[mode].entry_bytes
    entry = int.from_bytes(machine.memory.read(hpa, width), "little")
    changed = {
        "absent": entry & ~PRESENT,
        "read-only": entry & ~WRITE,
        "supervisor": entry & ~USER,
        "no execute": entry | NO_EXECUTE,
        "reserved": entry | 1 << 13 + bit % 17,
        "high bit": entry | 1 << 40 + bit % 24,
        "page size": entry ^ LARGE,
    }
    machine.put(mode, npt.hpa_of, place, changed[what] & (1 << 8 * width) - 1)


@pytest.mark.breadth
def test_the_walk_agrees_with_the_emulated_mmu() -> None:
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
    rare = {verdict: count for verdict, count in tally.items() if count < CASES // 100}
    assert not rare, tally


def check(case: Case) -> str:
    """Build, foretell, access and compare one case."""
    machine, npt = stage()
    built = build(machine, npt, case)
    kept = spoil(machine, npt, case, built)
    try:
        gva = Gva(built.gva)
        found = walk(machine.memory, npt.root, built.rules, gva, case.access)
        mmu.place_code(machine.memory, found)
        again = walk(machine.memory, npt.root, built.rules, gva, case.access)
        assume(again == found)
        expected = mmu.image_after(machine.image(), found)
        spoilt = [(page, npt.leaf(page)) for page, _ in kept]
        restore(npt, kept)
        seen = machine.attempt(
            built.rules, npt.root, gva, case.access, lambda: restore(npt, spoilt[::-1])
        )
    finally:
        restore(npt, kept)
    assert seen == mmu.predicted(found, expected), "\n".join((str(seen), *found.lines()))
    assert machine.image() == expected, "\n".join(found.lines())
    return found.verdict


def restore(npt: Npt, leaves: list[tuple[Gpa, int]]) -> None:
    """Put nested leaves back, the first saved last."""
    for page, entry in reversed(leaves):
        npt.set_leaf(page, entry)
