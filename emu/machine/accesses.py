"""Every load and store of guest instructions, with the CPU and the instruction that made it."""

from array import array
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct, field

if TYPE_CHECKING:
    from emu.machine.machine import Machine

FIELDS: Final = 5
MOST: Final = 4_000_000
"""Accesses kept, 160 MB: boots of some 200 CPUs."""


class Touch(NamedTuple):
    """One access."""

    tick: int
    cpu: int
    address: int
    """Linear, of the instruction."""
    hpa: int
    size: int
    stores: bool


class EveryAccess(Struct):
    """A probe that looks at all memory."""

    full: bool = False
    """There were more than are kept."""
    _rows: "array[int]" = field(default_factory=lambda: array("Q"))
    _address: int = 0

    def attach(self, machine: "Machine") -> None:
        """Begin to look."""
        machine.engine.watches.code(1, 0, self._begun)
        size = machine.memory.size
        machine.engine.watches.memory(0, size, True, partial(self._touched, machine))

    def _begun(self, _: int, address: int) -> None:
        self._address = address

    def _touched(
        self, machine: "Machine", executed: int, hpa: int, size: int, stored: int | None
    ) -> None:
        cpu = machine.at_work
        if machine.on_trial or cpu is None or self.full:
            return
        self.full = len(self._rows) >= MOST * FIELDS
        kind = size << 1 | (stored is not None)
        self._rows.extend((machine.tick + executed, cpu, self._address, hpa, kind))

    def compare(
        self, machine: "Machine", doing: Literal["read", "write", "host", "walk"]
    ) -> None:
        """Only instructions are looked at."""

    def __len__(self) -> int:
        return len(self._rows) // FIELDS

    def __iter__(self) -> Iterator[Touch]:
        rows = self._rows
        for at in range(0, len(rows), FIELDS):
            tick, cpu, address, hpa, kind = rows[at : at + FIELDS]
            yield Touch(tick, cpu, address, hpa, kind >> 1, bool(kind & 1))
