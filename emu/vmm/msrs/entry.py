"""One model-specific register: how it reads, which values it takes and what a write does."""

from collections.abc import Callable

from msgspec import Struct

from emu.vmm.effects import Effects, SetMsr
from emu.vmm.state import Caller

MsrReader = Callable[[Caller, int], int | None]
"""(caller, MSR number) to its value; None: reading is #GP."""
Write = Callable[[Caller, int, int], Effects | None]
"""(caller, MSR number, value) to effects; None: the write is #GP."""


class Msr(Struct, frozen=True):
    """A run of `count` MSRs from `number` that behave alike."""

    number: int
    name: str
    read: MsrReader | None
    """None: write-only."""
    write: Write | None
    """None: read-only."""
    count: int = 1


def of_cpu(default: int = 0) -> MsrReader:
    """Reads what this CPU stored, `default` before that."""

    def read(caller: Caller, msr: int) -> int:
        return caller.vmm.msrs.get((caller.cpu, msr), default)

    return read


def of_partition(default: int = 0) -> MsrReader:
    """Reads what any CPU of the partition stored."""

    def read(caller: Caller, msr: int) -> int:
        return caller.vmm.msrs.get((None, msr), default)

    return read


def always(value: int) -> MsrReader:
    """Reads a constant."""
    return lambda caller, msr: value


def store_cpu(mask: int) -> Write:
    """Stores for this CPU; a bit outside `mask` is reserved."""

    def write(caller: Caller, msr: int, value: int) -> Effects | None:
        return (SetMsr(caller.cpu, msr, value),) if not value & ~mask else None

    return write


def store_partition(mask: int) -> Write:
    """Stores for the partition; a bit outside `mask` is reserved."""

    def write(caller: Caller, msr: int, value: int) -> Effects | None:
        return (SetMsr(None, msr, value),) if not value & ~mask else None

    return write
