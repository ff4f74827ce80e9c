"""Which functions an address is of: the one that was called, and those inlined in it.

DWARF 5, sections 3.3.1 (subroutines) and 3.3.8.2 (concrete inlined instances). Of a unit it is
read when somebody asks, and kept as flat columns: from each address on, the innermost one.
"""

import bisect
from array import array
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final

from msgspec import Struct

from emu.boot.dwarf_entries import Entries, Found, Unit
from emu.boot.dwarf_forms import DAMAGED
from emu.boot.dwarf_ranges import Ranges
from emu.hw.address import U64

INSTANCES_MAX: Final = 1_000_000
"""Of one unit."""
_Span = tuple[int, int, int, int]
"""(start, level, -end, instance): sorted, what contains another comes before it."""


class UnitInstances(Struct, frozen=True):
    """All functions of a unit with code, and all that is inlined in them, as they are kept:
    bytes of columns. Instance 0 is none."""

    names: tuple[str, ...] = ()
    """As the linker or the source has them."""
    named: bytes = b""
    """Of each instance the index of its name."""
    parents: bytes = b""
    """Of each the instance that it is inlined in; 0 of a function that is called."""
    files: bytes = b""
    """Of each the number of the file that it is called in."""
    lines: bytes = b""
    starts: bytes = b""
    """Where the innermost instance changes, ascending link addresses."""
    innermost: bytes = b""
    """Of each such address the instance from there on."""


class Instance(Struct, frozen=True):
    """One function of those that an address is of, the innermost first."""

    number: int
    """Of its unit: two calls of one function are two."""
    name: str
    inlined: bool
    file: int
    """Number of the file that it is called in, and the line there; 0 where nobody says."""
    line: int


class Instances:
    """The same, to be asked."""

    def __init__(self, kept: UnitInstances) -> None:
        self._kept = kept
        self._starts = array("Q", kept.starts)

    @cached_property
    def _columns(self) -> tuple["array[int]", ...]:
        kept = self._kept
        columns = (kept.named, kept.parents, kept.files, kept.lines, kept.innermost)
        return tuple(array("I", one) for one in columns)

    def named(self, is_meant: Callable[[str], bool]) -> dict[str, list[int]]:
        """Name -> where calls begin that are inlined, of the functions that are meant."""
        wanted = {n: name for n, name in enumerate(self._kept.names) if is_meant(name)}
        if not wanted:
            return {}
        named, parents, _, _, innermost = self._columns
        found: dict[str, list[int]] = {}
        seen = {0}
        for start, number in zip(self._starts, innermost, strict=True):
            while number not in seen:  # of one that was seen the outer ones were, too
                seen.add(number)
                if named[number] in wanted and parents[number]:
                    found.setdefault(wanted[named[number]], []).append(start)
                number = parents[number]
        return found

    def at(self, link: int) -> tuple[Instance, ...]:
        """The functions that an address is of, the innermost first."""
        index = bisect.bisect_right(self._starts, link) - 1
        if index < 0:
            return ()
        named, parents, files, lines, innermost = self._columns
        number, found = innermost[index], []
        while number:
            parent = parents[number]
            name = self._kept.names[named[number]]
            found.append(Instance(number, name, parent != 0, files[number], lines[number]))
            number = parent
        return tuple(found)


def read(entries: Entries, unit: Unit, code: Ranges) -> UnitInstances:
    """All of one unit that lies in the code that the linker kept."""
    names: dict[int, int] = {}
    texts: dict[str, int] = {}
    columns = tuple(array("I", (0,)) for _ in range(4))
    spans: list[_Span] = []
    open_: list[int] = []
    for found in _kept(unit, code):
        del open_[found.level :]
        parent = open_[-1] if open_ and found.inlined else 0
        number = len(columns[0])
        if found.origin not in names:
            name = entries.name(unit, found.origin)
            names[found.origin] = texts.setdefault(name, len(texts))
        row = (names[found.origin], parent, _small(found.call_file), _small(found.call_line))
        for column, value in zip(columns, row, strict=True):
            column.append(value)
        open_ += [number] * (found.level + 1 - len(open_))
        spans += ((start, found.level, -end, number) for start, end in found.ranges)
    starts, innermost = _flat(sorted(spans))
    named, parents, files, lines = (one.tobytes() for one in columns)
    return UnitInstances(
        tuple(texts), named, parents, files, lines, starts.tobytes(), innermost.tobytes()
    )


def _small(number: int) -> int:
    return number if number < 1 << 32 else 0


def _kept(unit: Unit, code: Ranges) -> Iterator[Found]:
    """The functions that were not dropped, as far as the unit is whole."""
    count = 0
    try:
        for found in unit.functions():
            start = found.ranges[0][0]
            if start > 0 and any(first <= start < end for first, end in code):
                yield found
                count += 1
            if count >= INSTANCES_MAX:
                return
    except DAMAGED:
        return


def _flat(spans: list[_Span]) -> tuple["array[int]", "array[int]"]:
    """(addresses, innermost instance from each on) of spans that lie in one another."""
    starts, innermost = array("Q"), array("I")

    def from_on(address: int, number: int) -> None:
        if starts and starts[-1] == address:
            innermost[-1] = number
        elif not innermost or innermost[-1] != number:
            starts.append(address)
            innermost.append(number)

    open_: list[tuple[int, int]] = []

    def close(address: int) -> None:
        while open_ and open_[-1][0] <= address:
            end, _ = open_.pop()
            from_on(end, open_[-1][1] if open_ else 0)

    for start, _, minus_end, number in spans:
        close(start)
        end = min(-minus_end, open_[-1][0] if open_ else U64)
        open_.append((end, number))
        from_on(start, number)
    close(1 << 64)
    return starts, innermost
