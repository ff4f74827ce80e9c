"""Where a file that may move is loaded, and what of it moves along.

Source: microsoft/igvm, `igvm_defs/src/lib.rs` (IGVM_VHS_RELOCATABLE_REGION and
IGVM_VHS_PAGE_TABLE_RELOCATION) and `igvm/src/lib.rs` (relocation_base_valid); openvmm,
`openvmm/openvmm_core/src/worker/vm_loaders/igvm.rs`: one region of the first CPU moves, its
page tables by the same distance.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from emu.errors import ImageError
from emu.hw.address import PAGE_BYTES
from emu.igvm import headers as kinds
from emu.igvm.file import Igvm
from emu.igvm.headers import Header, LaunchPlatform, PageTableRegion, RelocatableRegion
from emu.igvm.page_tables import Moved, Rebuilding

ADJUST_RIP, ADJUST_GDTR = 1 << 1, 1 << 2
"""Flags of RELOCATABLE_REGION: what of the first CPU's registers lies in it."""
_LA57: Final = 1 << 12
_PAGING: Final = 1 << 31
_SHOWN: Final = 3
MovedRanges = Iterable[tuple[int, int]]
"""(GPA, bytes)."""


class Relocation(Struct, frozen=True):
    """How a file lies on a platform. Nothing moves where `pages` is None."""

    pages: Moved | None = None
    tables: Moved | None = None
    used_bytes: int = 0
    """Of the page tables' region."""
    flags: int = 0

    def gpa(self, gpa: int) -> int:
        """Where an address of the file lies."""
        for one in (self.pages, self.tables):
            if one is not None and one.holds(gpa):
                return gpa + one.delta
        return gpa

    def in_tables(self, gpa: int) -> bool:
        """Whether a page is one of page tables that are rebuilt."""
        return self.tables is not None and self.tables.holds(gpa)

    def register(self, name: str, value: int) -> int:
        """RIP, GDTR's base or CR3 as the first CPU begins with it."""
        if self.pages is None:
            return value
        if name == "cr3":
            return value if self.tables is None else value + self.tables.delta
        flag = {"rip": ADJUST_RIP, "gdtr": ADJUST_GDTR}.get(name, 0)
        return (
            value + self.pages.delta if self.flags & flag and self.pages.holds(value) else value
        )

    def rebuilt(self, pages: dict[int, bytes], cr0: int, cr3: int, cr4: int) -> bytes:
        """The page tables as they lie from `tables.base` on; `pages`: the file's, by its GPAs.
        Raises ImageError."""
        if self.pages is None or self.tables is None:
            return b""
        if cr4 & _LA57:
            raise ImageError("its page tables have five levels, and those do not move")
        if not cr0 & _PAGING:
            raise ImageError("its page tables move, and its first CPU begins without paging")
        whole = Rebuilding(self.tables, self.used_bytes, pages)
        return whole.rebuilt(cr3, (self.pages, self.tables))


def relocation(
    igvm: Igvm, launch: LaunchPlatform, ram: MovedRanges, base: int | None, paging: bool
) -> Relocation:
    """Where the file goes: to `base`, else where it says, else to the lowest place in RAM that
    it allows. `paging`: whether its first CPU begins with it. Raises ImageError."""
    headers = tuple(igvm.on(launch))
    regions = [one for one in headers if isinstance(one, RelocatableRegion)]
    banks = sorted(ram)
    if base is None and (not regions or _fits(banks, occupied(headers))):
        return Relocation()
    if not regions:
        raise ImageError(f"{igvm.path}: may not be moved, and --igvm-base asks for it")
    region = _only(igvm, regions, launch)
    tables = next((one for one in headers if isinstance(one, PageTableRegion)), None)
    if tables is None and paging:
        raise ImageError(f"{igvm.path}: {_name(region)} moves, and its page tables do not")
    if tables is not None:
        _of_the_first(igvm, tables, launch)
    if base is None:
        base = _place(igvm, region, tables, banks)
    elif why := _not_allowed(region, base):
        raise ImageError(f"{igvm.path}: {_name(region)} may not begin at {base:#x}: {why}")
    return _moved(region, tables, base - region.gpa)


def _moved(region: RelocatableRegion, tables: PageTableRegion | None, delta: int) -> Relocation:
    if not delta:
        return Relocation()
    return Relocation(
        Moved(region.gpa, region.size, delta),
        None if tables is None else Moved(tables.gpa, tables.size, delta),
        0 if tables is None else tables.used_size, region.flags,
    )  # fmt: skip


def occupied(headers: Iterable[Header]) -> MovedRanges:
    """(GPA, bytes) of all that a file lays down or asks for, as it says."""
    sizes: dict[int, int] = {}
    for one in headers:
        match one:
            case kinds.ParameterArea():
                sizes[one.index] = one.size
            case kinds.PageData():
                yield one.gpa, PAGE_BYTES
            case kinds.ParameterInsert():
                yield one.gpa, sizes[one.index]
            case kinds.RequiredMemory() | kinds.ErrorRange():
                yield one.gpa, one.size


def _within(banks: list[tuple[int, int]], gpa: int, size: int) -> bool:
    return any(start <= gpa and gpa + size <= start + length for start, length in banks)


def _fits(banks: list[tuple[int, int]], wanted: MovedRanges) -> bool:
    return all(_within(banks, gpa, size) for gpa, size in wanted)


def _name(one: Header) -> str:
    return f"{one.NAME} at {one.at:#x}"


def _only(
    igvm: Igvm, regions: list[RelocatableRegion], launch: LaunchPlatform
) -> RelocatableRegion:
    if len(regions) > 1:
        raise ImageError(
            f"{igvm.path}: has {len(regions)} regions that move; one is all that can"
        )
    _of_the_first(igvm, regions[0], launch)
    return regions[0]


def _of_the_first(
    igvm: Igvm, one: RelocatableRegion | PageTableRegion, launch: LaunchPlatform
) -> None:
    """Registers and tables that move are those of CPU 0 at its highest VTL."""
    if one.vp_index or one.vtl != launch.highest_vtl:
        raise ImageError(
            f"{igvm.path}: {_name(one)} is of CPU {one.vp_index}, VTL {one.vtl}: only that of "
            f"CPU 0, VTL {launch.highest_vtl} moves"
        )


def _not_allowed(region: RelocatableRegion, base: int) -> str:
    """Why a region may not begin somewhere; empty if it may."""
    if base % region.alignment:
        return f"it is aligned to {region.alignment:#x}"
    if base < region.minimum:
        return f"{region.minimum:#x} is the lowest"
    if base + region.size > region.maximum:
        return f"it has to end by {region.maximum:#x}, and would at {base + region.size:#x}"
    return ""


def _place(
    igvm: Igvm,
    region: RelocatableRegion,
    tables: PageTableRegion | None,
    banks: list[tuple[int, int]],
) -> int:
    """The lowest base in RAM at which region and tables fit."""
    wanted = [(one.gpa, one.size) for one in (region, tables) if one is not None]
    lowest = min(gpa for gpa, _ in wanted)
    for start, _ in banks:
        # The whole of it begins with the bank, wherever in it the region lies.
        least = max(start + region.gpa - lowest, region.minimum)
        base = -(-least // region.alignment) * region.alignment
        delta = base - region.gpa
        if _not_allowed(region, base):
            continue
        if all(_within(banks, gpa + delta, size) for gpa, size in wanted):
            return base
    memory = ", ".join(f"{at:#x} to {at + size:#x}" for at, size in banks[:_SHOWN])
    raise ImageError(
        f"{igvm.path}: {_name(region)} of {region.size:#x} bytes may lie between "
        f"{region.minimum:#x} and {region.maximum:#x}, at multiples of {region.alignment:#x}, "
        f"and there is no such place in memory ({memory}): raise --memory"
    )
