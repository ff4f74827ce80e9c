"""The guest's own page tables, walked as the processor does: every level, and why it stops.

SDM 3, chapter 4. Each table entry lies at a GPA, so each is itself found through the nested
table: a walk of four levels makes up to 24 accesses. Walking reads and never raises.
"""

from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from emu.hw.address import Gpa, Gva, Hpa, canonical
from emu.hw.context import Context
from emu.hw.memory import HostMemory
from emu.hw.nested import NestedPageTable
from emu.hw.nested_walk import (
    ERROR_FETCH,
    ERROR_PRESENT,
    ERROR_RESERVED,
    ERROR_USER,
    ERROR_WRITE,
    FRAME,
    NO_EXECUTE,
    PHYSICAL_BITS,
    PRESENT,
    USER,
    WRITE,
    AccessKind,
    walk_nested,
)
from emu.hw.page_walk import SHARED_BIT, PageLevel, PageWalk, WalkVerdict
from emu.hw.paging_modes import (
    CR0_WP,
    CR4_PAE,
    CR4_SMAP,
    CR4_SMEP,
    EFER_LMA,
    EFER_NXE,
    FORMATS,
    U32,
    Level,
    PagingMode,
    frame_of,
    has_rights,
    is_leaf,
    mode_of,
    reserved_bits,
    reserved_words,
)

ALIAS_BIT: Final = 39
"""Where the nested table has the shared view (the engine's walk knows 40 bits)."""

RFLAGS_AC: Final = 1 << 18


class PagingRules(Struct, frozen=True):
    """The processor state that decides what a walk allows."""

    cr0: int
    cr3: int
    cr4: int
    efer: int
    cpl: int
    alignment_check: bool
    """RFLAGS.AC: with SMAP, lets supervisor code reach user pages."""

    @classmethod
    def of(cls, context: Context) -> "PagingRules":
        """The state of a CPU as it is."""
        get = context.get
        forgiven = bool(get("rflags") & RFLAGS_AC)
        return cls(get("cr0"), get("cr3"), get("cr4"), get("efer"), context.cpl, forgiven)

    @property
    def mode(self) -> PagingMode:
        """The paging mode."""
        return mode_of(self.cr0, self.cr4, self.efer)


def walk_context(
    memory: HostMemory,
    npt: NestedPageTable,
    context: Context,
    gva: int,
    access: AccessKind = "read",
) -> PageWalk:
    """Walk an address of a CPU through its tables and the model nested table."""
    return walk(memory, npt.model_root, PagingRules.of(context), Gva(gva), access)


def walk(
    memory: HostMemory,
    root: Hpa,
    rules: PagingRules,
    gva: Gva,
    access: AccessKind,
    physical_bits: int = PHYSICAL_BITS,
) -> PageWalk:
    """Walk a GVA by the guest's paging mode, each table through the nested table at `root`.

    PAE's four root entries are read from memory as they are now, as the engine does; a real
    processor keeps those of the last MOV to CR3.
    """
    mode = rules.mode
    if mode != "4-level":
        gva = Gva(gva & U32)
    elif not canonical(gva):
        why = "bits 63:47 differ: #GP, or #SS by the stack segment"
        return _stop(gva, access, mode, (), "not canonical", 0, why)
    if mode == "off":
        return _final(memory, root, gva, access, mode, (), 0, Gpa(gva))
    levels: list[PageLevel] = []
    form = FORMATS[mode]
    table = rules.cr3 & form.base & ~memory.encryption_bit
    for step in form.levels:
        level = _read_entry(memory, root, rules, step, table, gva, physical_bits)
        levels.append(level)
        if level.nested.hpa is None:
            why = f"{step.name} at gpa {level.entry_gpa:#x}: {level.nested.why}"
            return _stop(gva, access, mode, levels, "nested fault in a table", 0, why)
        if not level.value & PRESENT or level.reserved:
            code, why = _entry_fault(rules, step, level)
            code |= _access_bits(rules, access)
            return _stop(gva, access, mode, levels, "page fault", code, why)
        if level.leaf:
            break
        table = level.value & FRAME & ~memory.encryption_bit
    size = 1 << step.shift
    refused = _refusal(rules, access, levels)
    if refused:
        code = ERROR_PRESENT | _access_bits(rules, access)
        return _stop(gva, access, mode, levels, "page fault", code, refused, size)
    gpa = Gpa(frame_of(mode, level.value & ~memory.encryption_bit, size) | gva & size - 1)
    return _final(memory, root, gva, access, mode, levels, size, gpa)


def _read_entry(
    memory: HostMemory,
    root: Hpa,
    rules: PagingRules,
    step: Level,
    table: int,
    gva: Gva,
    physical_bits: int,
) -> PageLevel:
    """Find and read one guest entry. The processor may set A, so it asks the nested table
    for write permission (APM 2, 15.25.6)."""
    mode = rules.mode
    width = FORMATS[mode].entry_bytes
    index = gva >> step.shift & step.entries - 1
    place = Gpa(table + width * index)
    nested = walk_nested(memory, root, place, "write")
    if nested.hpa is None:
        return PageLevel(step.name, index, place, nested, 0, False)
    value = int.from_bytes(memory.read(nested.hpa, width), "little")
    leaf = is_leaf(mode, step, value, rules.cr4)
    reserved = value & reserved_bits(mode, step, leaf, rules.efer, physical_bits)
    reserved &= ~memory.encryption_bit
    return PageLevel(step.name, index, place, nested, value, leaf, reserved)


def _entry_fault(rules: PagingRules, step: Level, level: PageLevel) -> tuple[int, str]:
    """Not present, or a reserved bit set: (error code bits, what is wrong)."""
    if not level.value & PRESENT:
        return 0, f"{level.name} is not present"
    why = f"{level.name} has {reserved_words(rules.mode, step, level.reserved)}"
    return ERROR_PRESENT | ERROR_RESERVED, why


def _access_bits(rules: PagingRules, access: AccessKind) -> int:
    """W, U and I of a page fault's error code (SDM 3, 4.7)."""
    bits = ERROR_WRITE if access == "write" else 0
    bits |= ERROR_USER if rules.cpl == 3 else 0
    told = (rules.efer & EFER_NXE and rules.cr4 & CR4_PAE) or rules.cr4 & CR4_SMEP
    return bits | (ERROR_FETCH if access == "execute" and told else 0)


def _refusal(rules: PagingRules, access: AccessKind, levels: list[PageLevel]) -> str:
    """Why the combined rights of all levels forbid an access, empty if they do not."""
    entries = [level for level in levels if has_rights(rules.mode, level.name)]
    user = _lacking(entries, USER)
    if rules.cpl == 3 and user:
        return f"{user} has U=0: a supervisor page, from CPL 3"
    reached_down = rules.cpl < 3 and not user
    if access == "execute":
        forbidden = [level.name for level in entries if level.value & NO_EXECUTE]
        if forbidden:
            return f"{forbidden[0]} has NX"
        if reached_down and rules.cr4 & CR4_SMEP:
            return f"U=1 at every level: a user page, with CR4.SMEP from CPL {rules.cpl}"
        return ""
    if reached_down and rules.cr4 & CR4_SMAP and not rules.alignment_check:
        who = f"with CR4.SMAP and RFLAGS.AC 0 from CPL {rules.cpl}"
        return f"U=1 at every level: a user page, {who}"
    read_only = _lacking(entries, WRITE)
    if access == "write" and read_only and (rules.cpl == 3 or rules.cr0 & CR0_WP):
        forced = ", from CPL 3" if rules.cpl == 3 else " and CR0.WP is 1"
        return f"{read_only} has W=0{forced}"
    return ""


def _lacking(entries: list[PageLevel], bit: int) -> str:
    """Name of the first level whose entry lacks a bit, empty if all have it."""
    return next((level.name for level in entries if not level.value & bit), "")


def _stop(
    gva: Gva,
    access: AccessKind,
    mode: PagingMode,
    levels: list[PageLevel] | tuple[PageLevel, ...],
    verdict: WalkVerdict,
    error_code: int,
    why: str,
    size: int = 0,
) -> PageWalk:
    found = (gva, access, mode, tuple(levels), size, None, None, None)
    return PageWalk(*found, verdict, error_code, why)


def _final(
    memory: HostMemory,
    root: Hpa,
    gva: Gva,
    access: AccessKind,
    mode: PagingMode,
    levels: list[PageLevel] | tuple[PageLevel, ...],
    size: int,
    gpa: Gpa,
) -> PageWalk:
    nested = walk_nested(memory, root, gpa, access)
    verdict: WalkVerdict = "ok" if nested.hpa is not None else "nested fault at the page"
    why = "" if nested.hpa is not None else nested.why
    found = (gva, access, mode, tuple(levels), size, gpa, nested, nested.hpa)
    return PageWalk(*found, verdict, 0, why)


# -- fast paths for the monitor: no rights, no levels kept ------------------------------------


class TableReader(Protocol):
    """Who reads the entries of guest page tables."""

    @property
    def encryption_bit(self) -> int:
        """As `HostMemory` has it."""

    def u64(self, hpa: int) -> int:
        """An entry of 8 bytes."""

    def u32(self, hpa: int) -> int:
        """One of 4."""


def translate(
    memory: TableReader,
    hpa_of: Callable[[int], Hpa | None],
    cr0: int,
    cr3: int,
    gva: int,
    *,
    cr4: int = CR4_PAE,
    efer: int = EFER_LMA,
) -> int | None:
    """GVA to GPA by what is mapped, rights aside; a TD's shared bit becomes the alias bit.

    Without CR4 and EFER, paging that is on is taken for four-level paging.
    """
    mode = mode_of(cr0, cr4, efer)
    if mode == "off":
        return gva & U32
    found = _leaf(memory, hpa_of, mode, cr3, cr4, gva)
    if found is None:
        return None
    _, value, size = found
    frame = frame_of(mode, value, size) & ~memory.encryption_bit
    if frame >> SHARED_BIT & 1:
        frame = frame & ~(1 << SHARED_BIT) | 1 << ALIAS_BIT
    return frame | gva & size - 1


def shared_bit_leaf(
    memory: HostMemory, hpa_of: Callable[[int], Hpa | None], context: Context, gva: int
) -> Hpa | None:
    """HPA of the leaf entry of a GVA if the leaf asks for a TD's shared view."""
    found = leaf_of(memory, hpa_of, context, gva)
    return found[0] if found is not None and found[1] >> SHARED_BIT & 1 else None


def leaf_of(
    memory: HostMemory, hpa_of: Callable[[int], Hpa | None], context: Context, gva: int
) -> tuple[Hpa, int, int] | None:
    """(HPA of the leaf entry, entry, bytes of the page) of a GVA in four-level tables."""
    return _leaf(memory, hpa_of, "4-level", context.get("cr3"), CR4_PAE, gva)


def _leaf(
    memory: TableReader,
    hpa_of: Callable[[int], Hpa | None],
    mode: PagingMode,
    cr3: int,
    cr4: int,
    gva: int,
) -> tuple[Hpa, int, int] | None:
    """(HPA of the entry, entry, bytes of the page) of a GVA's leaf."""
    form = FORMATS[mode]
    table = cr3 & form.base & ~memory.encryption_bit
    width = form.entry_bytes
    for step in form.levels:
        place = hpa_of(table + width * (gva >> step.shift & step.entries - 1))
        if place is None:
            return None
        value = memory.u64(place) if width == 8 else memory.u32(place)
        if not value & PRESENT:
            return None
        if is_leaf(mode, step, value, cr4):
            return place, value, 1 << step.shift
        table = value & FRAME & ~memory.encryption_bit
    return None
