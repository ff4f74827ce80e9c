"""Everything of a machine but its memory's bytes, at one moment; those are the undo log's.

A snapshot shares with the one before it whatever is equal: of a thousand parked CPUs it costs
a reference each. It holds values only, so that it can be pickled and put back elsewhere.
"""

from typing import Any, Protocol

from msgspec import Struct

from emu.hw.cpu import SavedCpu
from emu.hw.nested import NestedState
from emu.machine.logs import Counts
from emu.machine.machine import Machine

_CPU_BYTES = 400
"""What a CPU's own fields cost beside its context."""


class Part(Protocol):
    """Whatever saves and loads itself."""

    def save(self) -> Any:
        """All that changes over time, as a value."""

    def load(self, saved: Any) -> None:
        """Be again what `save` saw."""


def parts(machine: Machine) -> tuple[Part, ...]:
    """All of them but the CPUs and the nested table, in the order in which they are saved."""
    board = machine.board
    return (
        machine.tracked,  # first: it closes what is lent, and the nested table is to know that
        machine.guards, machine.private, machine.waits, machine.monitors, machine.witness,
        machine.injected, machine.store_buffers, machine.memory_log, machine.host_steps,
        machine.arrivals,
        board, board.vmm,
        board.aps, board.ram,
        *machine.cpu_witness.parts,
    )  # fmt: skip


class Snapshot(Struct, frozen=True):
    """A machine between two slices."""

    tick: int
    work: int
    cpus: tuple[SavedCpu, ...]
    npt: NestedState
    parts: tuple[Any, ...]
    logs: Counts
    bytes_used: int
    """About what it costs beyond the snapshot that it shares with."""


def take(machine: Machine, before: Snapshot | None) -> Snapshot:
    """A snapshot of now, sharing what it can with an earlier one."""
    board = machine.board
    saved = tuple(part.save() for part in parts(machine))
    npt = board.npt.save()
    cpus = tuple(cpu.save() for cpu in board.cpus)
    cost = sum(len(cpu.image) + _CPU_BYTES for cpu in cpus) + len(board.ram.states)
    if before is not None:
        cpus = tuple(map(_same, cpus, before.cpus))
        pairs = zip(cpus, before.cpus, strict=True)
        cost = sum(len(new.image) + _CPU_BYTES for new, old in pairs if new is not old)
        saved, npt = tuple(map(_shared, saved, before.parts)), _same(npt, before.npt)
    return Snapshot(board.tick, board.work, cpus, npt, saved, board.logs.counts(), cost)


def _same(new: Any, old: Any) -> Any:
    """The old object if the new one is no other."""
    return old if new == old else new


def _shared(new: Any, old: Any) -> Any:
    """A part's value in which every field is the old object where it can be."""
    if new == old:
        return old
    if isinstance(new, tuple) and hasattr(new, "_fields"):
        return type(new)(*map(_same, new, old))
    return new


def put_back(machine: Machine, saved: Snapshot, pages: set[int]) -> None:
    """The machine is again as it was; `pages` (HPAs) of its memory have been put back."""
    board = machine.board
    for cpu, state in zip(board.cpus, saved.cpus, strict=True):
        cpu.load(state, board.engine.new_context)
    board.npt.load(saved.npt, pages)
    for part, value in zip(parts(machine), saved.parts, strict=True):
        part.load(value)
    board.logs.back_to(saved.logs)
    board.engine.went_back(pages)
    board.engine.flush_tlb()
