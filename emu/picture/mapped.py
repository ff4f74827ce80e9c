"""What page tables map, as ranges and as trees: guest tables of any mode, and the nested one.

Tables are read whole and taken apart once for each content, so that looking again at tables
that have not changed costs almost nothing.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.hw.address import PAGE_BYTES, Gpa, canonical_of
from emu.hw.context import Context
from emu.hw.nested_walk import ACCESSED, DIRTY, FRAME, NO_EXECUTE, PRESENT, USER, WRITE
from emu.hw.page_walk import SHARED_BIT
from emu.hw.paging import ALIAS_BIT
from emu.hw.paging_modes import FORMATS, Level, PagingMode, frame_of, is_leaf, mode_of
from emu.machine.machine import Machine
from emu.picture.sections import NestedRange

TABLES_MAX: Final = 4096
"""Guest tables that are read for one CPU; more are not looked at."""
CACHED_TABLES: Final = 2048


class Mapped(Struct, frozen=True):
    """Guest-virtual pages in a row with equal rights."""

    gva: int
    gpa: int
    size: int
    rights: str
    user: bool = False
    shared: bool = False
    """A TD's shared view."""


class TableEntry(Struct, frozen=True):
    """One present entry of a guest table."""

    level: str
    index: int
    place: Gpa
    """Where it lies."""
    value: int
    gva: int
    size: int
    """Bytes of address space that it stands for."""
    leaf: bool
    target: int
    """GPA of the page or of the next table."""


def rights(entry: int) -> str:
    """`r`, `rw`, `rx` or `rwx` of an entry."""
    write = "w" if entry & WRITE else ""
    return f"r{write}" + ("" if entry & NO_EXECUTE else "x")


@lru_cache(maxsize=CACHED_TABLES)
def _present(image: bytes, width: int) -> tuple[tuple[int, int], ...]:
    """(index, value) of the present entries of a table."""
    values = struct.unpack(f"<{len(image) // width}{'Q' if width == 8 else 'I'}", image)
    return tuple((index, value) for index, value in enumerate(values) if value & PRESENT)


def paging_mode(context: Context) -> PagingMode:
    """The paging mode of a CPU."""
    return mode_of(context.get("cr0"), context.get("cr4"), context.get("efer"))


def root_of(context: Context) -> int:
    """GPA of a CPU's root table."""
    return context.get("cr3") & FORMATS[paging_mode(context)].base


def table(
    machine: Machine, mode: PagingMode, step: Level, place: int, base: int, cr4: int
) -> list[TableEntry] | None:
    """The present entries of the guest table at a GPA whose first entry stands for GVA `base`;
    None where the nested table has nothing there."""
    width = FORMATS[mode].entry_bytes
    hpa = machine.board.npt.hpa_of(place)
    if hpa is None:
        return None
    image = machine.board.memory.read(hpa, width * step.entries)
    found = []
    for index, value in _present(image, width):
        leaf = is_leaf(mode, step, value, cr4)
        size = 1 << step.shift
        gva = canonical_of(base + index * size) if mode == "4-level" else base + index * size
        target = frame_of(mode, value, size) if leaf else value & FRAME
        found.append(
            TableEntry(
                step.name, index, Gpa(place + width * index), value, gva, size, leaf, target
            )
        )
    return found


def ranges(machine: Machine, context: Context) -> tuple[Mapped, ...]:
    """All that a CPU's tables map, neighbours of equal rights merged, by address; empty while
    paging is off."""
    mode = paging_mode(context)
    levels, cr4 = FORMATS[mode].levels, context.get("cr4")
    found: list[Mapped] = []
    left = TABLES_MAX
    waiting = [(root_of(context), 0, 0, "rwx", True)] if levels else []
    while waiting and left:
        place, depth, base, above, user_above = waiting.pop()
        left -= 1
        for entry in table(machine, mode, levels[depth], place, base, cr4) or ():
            plain = mode == "PAE" and entry.level == "L3"
            own = "rwx" if plain else rights(entry.value)
            allowed = "".join(right for right in own if right in above)
            user = user_above and (plain or bool(entry.value & USER))
            if entry.leaf:
                found.append(_leaf(entry, allowed, user))
            else:
                waiting.append((entry.target, depth + 1, entry.gva, allowed, user))
    return merged(sorted(found, key=lambda one: one.gva))


def _leaf(entry: TableEntry, allowed: str, user: bool) -> Mapped:
    shared = bool(entry.target >> SHARED_BIT & 1)
    gpa = entry.target & ~(1 << SHARED_BIT)
    return Mapped(entry.gva, gpa, entry.size, allowed, user, shared)


def merged(found: list[Mapped]) -> tuple[Mapped, ...]:
    """Neighbours whose addresses continue and whose rights are equal, as one."""
    rows: list[Mapped] = []
    for one in found:
        last = rows[-1] if rows else None
        if (
            last is not None
            and (last.rights, last.user, last.shared) == (one.rights, one.user, one.shared)
            and last.gva + last.size == one.gva
            and last.gpa + last.size == one.gpa
        ):
            rows[-1] = replace(last, size=last.size + one.size)
        else:
            rows.append(one)
    return tuple(rows)


# -- the nested table -------------------------------------------------------------------------


_STATES: Final = ("unaccepted", "private", "shared")
_FLAGS: Final = WRITE | NO_EXECUTE | USER
_Run = tuple[int, int, int, str, int, int, int]
"""First page, pages, HPA or -1, rights, state, accessed, dirty."""


@lru_cache(maxsize=CACHED_TABLES)
def _runs(image: bytes, states: bytes) -> tuple[_Run, ...]:
    """One leaf table as runs of equal pages; `states` may end before the table does."""
    found: list[list[int]] = []
    for page, (leaf, state) in enumerate(zip(struct.unpack("<512Q", image), states)):  # noqa: B905
        present = leaf & PRESENT
        hpa = leaf & FRAME if present else -1
        flags = leaf & _FLAGS if present else 0
        last = found[-1] if found else None
        follows = last is not None and last[3] == flags and last[4] == state
        if (
            follows
            and last is not None
            and (hpa == last[2] + last[1] * PAGE_BYTES if present else last[2] == -1)
        ):
            last[1] += 1
        else:
            last = [page, 1, hpa, flags, state, 0, 0]
            found.append(last)
        last[5] += bool(present and leaf & ACCESSED)
        last[6] += bool(present and leaf & DIRTY)
    return tuple(
        (page, count, hpa, "-" if hpa < 0 else rights(flags), state, accessed, dirty)
        for page, count, hpa, flags, state, accessed, dirty in found
    )


def nested_ranges(machine: Machine) -> tuple[NestedRange, ...]:
    """The model nested table over all guest memory, both views of a TD, by address."""
    found: list[NestedRange] = []
    for one in _nested(machine):
        last = found[-1] if found else None
        if last is not None and _continues(last, one):
            found[-1] = replace(
                last, size=last.size + one.size, accessed=last.accessed + one.accessed,
                dirty=last.dirty + one.dirty,
            )  # fmt: skip
        else:
            found.append(one)
    return tuple(found)


def _nested(machine: Machine) -> Iterator[NestedRange]:
    """One range for each run of each leaf table, and of what the launch laid down."""
    alias = 1 << ALIAS_BIT
    for gpa, _, size in machine.board.ram.views():
        at, end = gpa, gpa + size // PAGE_BYTES * PAGE_BYTES
        while at < end:
            own = at & ~alias
            launch, same = _launch(machine, own, bool(at & alias))
            first = at >> 12 & 511
            count = min(512 - first, (end - at) // PAGE_BYTES, same)
            image = machine.board.npt.leaf_table(at)[8 * first : 8 * (first + count)]
            states = machine.board.ram.state_bytes(own, count)
            for page, pages, hpa, allowed, state, accessed, dirty in _runs(
                image.ljust(PAGE_BYTES, b"\0"), states
            ):
                yield NestedRange(
                    own + page * PAGE_BYTES, pages * PAGE_BYTES,
                    None if hpa < 0 else hpa, allowed, _STATES[state], accessed, dirty,
                    bool(at & alias), launch,
                )  # fmt: skip
            at += count * PAGE_BYTES


def _launch(machine: Machine, gpa: int, shared_view: bool) -> tuple[str, int]:
    """(how a page was laid down, pages from it on of which that is true). Where there are two
    views of a page, what is shared lies in the one, all else in the other."""
    rows = machine.board.layout.launch
    index = bisect_right(rows, gpa, key=lambda one: one.gpa) - 1
    end = rows[index + 1].gpa if index + 1 < len(rows) else 1 << 64
    if index < 0 or rows[index].gpa + rows[index].size <= gpa:
        return "", (end - gpa) // PAGE_BYTES
    row = rows[index]
    two = machine.board.platform.isolation == "tdx"
    how = "" if two and shared_view != (row.how == "shared") else row.how
    return how, (row.gpa + row.size - gpa) // PAGE_BYTES


def _continues(last: NestedRange, one: NestedRange) -> bool:
    same = (last.rights, last.state, last.shared_view, last.launch) == (
        one.rights,
        one.state,
        one.shared_view,
        one.launch,
    )
    if not same or last.gpa + last.size != one.gpa:
        return False
    if last.hpa is None or one.hpa is None:
        return last.hpa is one.hpa
    return last.hpa + last.size == one.hpa
