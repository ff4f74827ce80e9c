"""Call frame information of an image: for each piece of code how to find its caller's frame.

DWARF 5, section 6.4, from `.debug_frame`, and from `.eh_frame`, whose differences the Linux
Standard Base describes (LSB Core 5.0, 10.6). Read when somebody asks, and then kept on disk.
"""

import bisect
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, Literal

from msgspec import Struct

from emu.boot.dwarf import IMAGES_KEPT, DebugInfo, debug_info
from emu.boot.image import Image
from emu.hw.address import U64

SECTION_BYTES_MAX: Final = 4 << 20
"""A larger section would take a minute to read; no image of the field has one."""
ROWS_MAX: Final = 200_000
"""Of one image; a damaged section may claim more than memory holds."""
_SECTIONS: Final = (".debug_frame", ".eh_frame")

RuleKind = Literal[
    "same", "undefined", "at", "is", "register", "at expression", "is expression"
]
_KINDS: Final[dict[str, RuleKind]] = {
    "SAME_VALUE": "same", "UNDEFINED": "undefined", "OFFSET": "at", "VAL_OFFSET": "is",
    "REGISTER": "register", "EXPRESSION": "at expression", "VAL_EXPRESSION": "is expression",
}  # fmt: skip


class FrameRule(Struct, frozen=True):
    """Where a register's value in the caller is (DWARF 5, 6.4.1): `at` CFA + number, or that
    address itself, or in another register, or what an expression says."""

    kind: RuleKind
    number: int = 0
    expression: bytes = b""


class CfaRule(Struct, frozen=True):
    """The canonical frame address: a register and an offset, or an expression."""

    register: int = 0
    offset: int = 0
    expression: bytes = b""


class FrameRow(Struct, frozen=True):
    """What holds from one link address on, up to the next row's."""

    start: int
    cfa: CfaRule
    rules: dict[int, FrameRule]
    """DWARF number of a register -> its rule; one that is absent is unchanged."""


class FrameTable(Struct, frozen=True):
    """One function's rows."""

    start: int
    end: int
    signal: bool
    """It is entered by an interrupt or a signal, not by a call."""
    return_register: int
    rows: tuple[FrameRow, ...]

    def row(self, link: int) -> FrameRow | None:
        """The row that holds at an address."""
        index = bisect.bisect_right(self.rows, link, key=lambda row: row.start) - 1
        return self.rows[index] if index >= 0 else None


class FrameTables:
    """Those of one image, by link address."""

    def __init__(self, info: DebugInfo) -> None:
        self._tables = info.answer("call frames", tuple[FrameTable, ...], lambda: _read(info))
        self._starts = [table.start for table in self._tables]

    def row(self, link: int) -> tuple[FrameTable, FrameRow] | None:
        """What is said of an address; None where nothing is."""
        index = bisect.bisect_right(self._starts, link) - 1
        if index < 0 or link >= self._tables[index].end:
            return None
        row = self._tables[index].row(link)
        return None if row is None else (self._tables[index], row)


def frame_tables(image: Image) -> FrameTables | None:
    """The call frame information of an image; None where it has no such section."""
    if not any(name.encode() + b"\0" in image.data for name in _SECTIONS):
        return None
    return _tables_of(debug_info(image))


@lru_cache(maxsize=IMAGES_KEPT)
def _tables_of(info: DebugInfo) -> FrameTables:
    return FrameTables(info)


def _read(info: DebugInfo) -> tuple[FrameTable, ...]:
    """Both sections' tables, sorted; of two for one address the first."""
    found: dict[int, FrameTable] = {}
    left = ROWS_MAX
    for entry in _entries(info.dwarf):
        table = _table(entry)
        if table is not None and table.start not in found:
            left -= len(table.rows)
            if left < 0:
                break
            found[table.start] = table
    return tuple(found[start] for start in sorted(found))


def _entries(dwarf: Any) -> Iterator[Any]:
    """Every entry of the sections that can be read; a damaged one hides its section."""
    for has, section, read in (
        ("has_CFI", "debug_frame_sec", "CFI_entries"),
        ("has_EH_CFI", "eh_frame_sec", "EH_CFI_entries"),
    ):
        try:
            small = dwarf is not None and getattr(dwarf, has)()
            if small and getattr(dwarf, section).size <= SECTION_BYTES_MAX:
                yield from getattr(dwarf, read)()
        except Exception:  # damaged
            continue


def _table(entry: Any) -> FrameTable | None:
    """One entry with its rows decoded; None for one that describes no code, or is damaged."""
    try:
        if not hasattr(entry, "cie") or entry.cie is None:
            return None
        start, size = entry.header["initial_location"], entry.header["address_range"]
        rows = tuple(
            FrameRow(line["pc"], _cfa(line["cfa"]), _rules(line))
            for line in entry.get_decoded().table
            if line.get("cfa") is not None
        )
        rows = tuple(sorted(rows, key=lambda row: row.start))
        signal = b"S" in entry.cie.header.get("augmentation", b"")
        if not 0 < start < start + size <= U64 or not rows:
            return None
        register = entry.cie.header["return_address_register"]
        return FrameTable(start, start + size, signal, register, rows)
    except Exception:  # damaged
        return None


def _cfa(rule: Any) -> CfaRule:
    if rule.expr is not None:
        return CfaRule(expression=bytes(rule.expr))
    return CfaRule(rule.reg, rule.offset)


def _rules(line: dict[Any, Any]) -> dict[int, FrameRule]:
    found = {}
    for register, rule in line.items():
        if not isinstance(register, int):
            continue
        kind = _KINDS.get(rule.type)
        if kind is None:
            found[register] = FrameRule("undefined")
        elif kind.endswith("expression"):
            found[register] = FrameRule(kind, 0, bytes(rule.arg))
        else:
            found[register] = FrameRule(kind, rule.arg or 0)
    return found
