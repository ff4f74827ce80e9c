"""The guest's own page tables, walked as the processor does: every level, and why it stops.

SDM 3, chapter 4. Each table entry lies at a GPA, so each is itself found through the nested
table: a walk of four levels makes up to 24 accesses. Walking reads and never raises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from emu.hw.address import PAGE_MASK, Gpa, Gva, Hpa, canonical
from emu.hw.context import Context
from emu.hw.memory import HostMemory
from emu.hw.nested import Access, NestedPageTable, NestedWalk, bits_in_words, walk_nested

SHARED_BIT: Final = 47
"""Bit of a TD's physical addresses that asks for the shared view (GPAW 48)."""
ALIAS_BIT: Final = 39
"""Where the nested table has the shared view (the engine's walk knows 40 bits)."""
PHYSICAL_BITS: Final = 40
"""Physical address width of the emulated processor; higher bits of an entry are reserved."""

_FRAME: Final = 0x000F_FFFF_FFFF_F000
_PRESENT, _WRITE, _USER, _LARGE, _NX = 1, 2, 4, 1 << 7, 1 << 63
_LEVELS: Final = (("L4", 39), ("L3", 30), ("L2", 21), ("L1", 12))
_CR0_PG, _CR0_WP = 1 << 31, 1 << 16
_CR4_SMEP, _CR4_SMAP = 1 << 20, 1 << 21
_EFER_NXE, _EFER_LMA = 1 << 11, 1 << 10

ERROR_PRESENT, ERROR_WRITE, ERROR_USER, ERROR_RESERVED, ERROR_FETCH = 1, 2, 4, 8, 16

Verdict = Literal[
    "ok", "not canonical", "page fault", "nested fault in a table", "nested fault at the page"
]


@dataclass(frozen=True, slots=True)
class Rules:
    """The processor state that decides what a walk allows."""

    cr0: int
    cr3: int
    cr4: int
    efer: int
    cpl: int
    alignment_check: bool
    """RFLAGS.AC: with SMAP, lets supervisor code reach user pages."""

    @classmethod
    def of(cls, context: Context) -> "Rules":
        """The state of a CPU as it is."""
        get = context.get
        alignment_check = bool(get("rflags") >> 18 & 1)
        return cls(
            get("cr0"), get("cr3"), get("cr4"), get("efer"), context.cpl, alignment_check
        )


@dataclass(frozen=True, slots=True)
class PageLevel:
    """One guest entry: where it lies for the guest, and the nested walk that finds it."""

    name: str
    index: int
    entry_gpa: Gpa
    nested: NestedWalk
    value: int
    leaf: bool


@dataclass(frozen=True, slots=True)
class PageWalk:
    """A two-dimensional walk. `gpa` and `hpa` are None unless the walk got that far."""

    gva: Gva
    access: Access
    levels: tuple[PageLevel, ...]
    page_bytes: int
    gpa: Gpa | None
    nested: NestedWalk | None
    """The nested walk of the final address."""
    hpa: Hpa | None
    verdict: Verdict
    error_code: int
    """Error code of the page fault, if that is the verdict."""
    why: str

    def lines(self) -> tuple[str, ...]:
        """The walk as a person reads it: guest levels, and where each lies in the host."""
        rows = [f"gva {self.gva:#x} {self.access}"]
        for level in self.levels:
            if level.nested.hpa is None:
                end = f"nested: {level.nested.verdict}"
            else:
                end = f"= {level.value:016x} {bits_in_words(level.name, level.value)}".rstrip()
            place = "" if level.nested.hpa is None else f" (hpa {level.nested.hpa:#x})"
            rows.append(
                f"  {level.name}[{level.index:03}] gpa {level.entry_gpa:#x}{place} {end}"
            )
        if self.gpa is not None:
            rows.append(f"  page gpa {self.gpa:#x}")
        if self.nested is not None:
            rows += [f"    {row}" for row in self.nested.lines()]
        return (*rows, f"  verdict: {self.verdict}" + (f": {self.why}" if self.why else ""))


def walk_context(
    memory: HostMemory,
    npt: NestedPageTable,
    context: Context,
    gva: int,
    access: Access = "read",
) -> PageWalk:
    """Walk an address of a CPU through its tables and the model nested table."""
    return walk(memory, npt.model_root, Rules.of(context), Gva(gva), access)


def walk(
    memory: HostMemory, root: Hpa, rules: Rules, gva: Gva, access: Access,
    physical_bits: int = PHYSICAL_BITS,
) -> PageWalk:  # fmt: skip
    """Walk a GVA by 4-level paging (or none), each table through the nested table at `root`."""
    if not rules.cr0 & _CR0_PG:
        return _final(memory, root, gva, access, (), 0, Gpa(gva))
    if not canonical(gva):
        return _stop(gva, access, (), "not canonical", 0, "bits 63:47 differ")
    table = rules.cr3 & _FRAME
    levels: list[PageLevel] = []
    rights = _WRITE | _USER
    no_execute = False
    for name, shift in _LEVELS:
        index = gva >> shift & 511
        place = Gpa(table + 8 * index)
        # The processor may set A, so a table must be writable in the nested table.
        nested = walk_nested(memory, root, place, "write")
        if nested.hpa is None:
            levels.append(PageLevel(name, index, place, nested, 0, False))
            why = f"{name} at gpa {place:#x}: {nested.verdict}"
            return _stop(gva, access, levels, "nested fault in a table", 0, why)
        value = memory.u64(nested.hpa)
        leaf = shift == 12 or (shift in (21, 30) and bool(value & _LARGE))
        levels.append(PageLevel(name, index, place, nested, value, leaf))
        error = _entry_error(value, shift, leaf, rules, physical_bits)
        if error is not None:
            code = error[0] | _access_bits(rules, access)
            return _stop(gva, access, levels, "page fault", code, f"{name} {error[1]}")
        rights &= value
        no_execute = no_execute or bool(value & _NX)
        if leaf:
            break
        table = value & _FRAME
    refused = _refusal(rules, access, rights, no_execute)
    if refused:
        code = ERROR_PRESENT | _access_bits(rules, access)
        return _stop(gva, access, levels, "page fault", code, refused)
    size = 1 << shift
    gpa = Gpa(value & _FRAME & ~(size - 1) | gva & size - 1)
    return _final(memory, root, gva, access, tuple(levels), size, gpa)


def _entry_error(
    value: int, shift: int, leaf: bool, rules: Rules, physical_bits: int
) -> tuple[int, str] | None:
    """Not present, or a reserved bit set: (error code bits, what is wrong)."""
    if not value & _PRESENT:
        return 0, "is not present"
    reserved = (1 << 52) - (1 << physical_bits)
    if shift == 39:
        reserved |= _LARGE
    elif leaf and shift > 12:
        reserved |= (1 << shift) - (1 << 13)
    if not rules.efer & _EFER_NXE:
        reserved |= _NX
    if value & reserved:
        return ERROR_PRESENT | ERROR_RESERVED, f"has reserved bits {value & reserved:#x} set"
    return None


def _access_bits(rules: Rules, access: Access) -> int:
    """W, U and I of a page fault's error code (SDM 3, 4.7)."""
    bits = ERROR_WRITE if access == "write" else 0
    bits |= ERROR_USER if rules.cpl == 3 else 0
    told = rules.efer & _EFER_NXE or rules.cr4 & _CR4_SMEP
    return bits | (ERROR_FETCH if access == "execute" and told else 0)


def _refusal(rules: Rules, access: Access, rights: int, no_execute: bool) -> str:
    """Why the combined rights of all levels forbid an access, empty if they do not."""
    user_page = bool(rights & _USER)
    if rules.cpl == 3 and not user_page:
        return "a supervisor page, from CPL 3"
    if access == "execute":
        if no_execute:
            return "no execute"
        if user_page and rules.cpl < 3 and rules.cr4 & _CR4_SMEP:
            return "SMEP: a user page, fetched by the supervisor"
        return ""
    smap = rules.cr4 & _CR4_SMAP and not rules.alignment_check
    if user_page and rules.cpl < 3 and smap:
        return "SMAP: a user page, touched by the supervisor"
    if access == "write" and not rights & _WRITE and (rules.cpl == 3 or rules.cr0 & _CR0_WP):
        return "read-only"
    return ""


def _stop(
    gva: Gva, access: Access, levels: list[PageLevel] | tuple[PageLevel, ...], verdict: Verdict,
    error_code: int, why: str,
) -> PageWalk:  # fmt: skip
    return PageWalk(gva, access, tuple(levels), 0, None, None, None, verdict, error_code, why)


def _final(
    memory: HostMemory, root: Hpa, gva: Gva, access: Access, levels: tuple[PageLevel, ...],
    size: int, gpa: Gpa,
) -> PageWalk:  # fmt: skip
    nested = walk_nested(memory, root, gpa, access)
    verdict: Verdict = "ok" if nested.hpa is not None else "nested fault at the page"
    why = "" if nested.hpa is not None else nested.verdict
    return PageWalk(gva, access, levels, size, gpa, nested, nested.hpa, verdict, 0, why)


def expected_accessed(found: PageWalk) -> tuple[tuple[Gpa, int], ...]:
    """(entry GPA, bits A and D) that the processor sets when this access succeeds."""
    marks = []
    for level in found.levels:
        dirty = level.leaf and found.access == "write"
        marks.append((level.entry_gpa, 1 << 5 | (1 << 6 if dirty else 0)))
    return tuple(marks)


# -- fast paths for the monitor: no rights, no levels kept ------------------------------------


def translate(
    memory: HostMemory, hpa_of: Callable[[int], Hpa | None], cr0: int, cr3: int, gva: int
) -> int | None:
    """GVA to GPA by what is mapped, rights aside; a TD's shared bit becomes the alias bit."""
    if not cr0 & _CR0_PG:
        return gva & 0xFFFFFFFF
    found = _leaf(memory, hpa_of, cr3, gva)
    if found is None:
        return None
    _, value, shift = found
    size = 1 << shift
    frame = value & _FRAME
    if frame >> SHARED_BIT & 1:
        frame = frame & ~(1 << SHARED_BIT) | 1 << ALIAS_BIT
    return frame & ~(size - 1) | gva & size - 1


def shared_bit_leaf(
    memory: HostMemory, hpa_of: Callable[[int], Hpa | None], context: Context, gva: int
) -> Hpa | None:
    """HPA of the leaf entry of a GVA if the leaf asks for a TD's shared view."""
    found = _leaf(memory, hpa_of, context.get("cr3"), gva)
    return found[0] if found is not None and found[1] >> SHARED_BIT & 1 else None


def _leaf(
    memory: HostMemory, hpa_of: Callable[[int], Hpa | None], cr3: int, gva: int
) -> tuple[Hpa, int, int] | None:
    """(HPA of the entry, entry, log2 of the page size) of a GVA's leaf."""
    table = cr3 & _FRAME
    for _, shift in _LEVELS:
        place = hpa_of(table + (gva >> shift & 511) * 8)
        if place is None:
            return None
        value = memory.u64(place)
        if not value & _PRESENT:
            return None
        if shift == 12 or (shift in (21, 30) and value & _LARGE):
            return place, value, shift
        table = value & _FRAME & ~PAGE_MASK
    return None
