"""Everything of a machine but its memory's bytes, at one moment; those are the undo log's.

A snapshot shares with the one before it whatever is equal: of a thousand parked CPUs it costs
a reference each.
"""

from typing import Any

from msgspec import Struct

from emu.hw.cpu import SavedCpu
from emu.hw.nested import NestedState
from emu.machine.injected import SavedInjected
from emu.machine.logs import Counts
from emu.machine.machine import Machine
from emu.machine.tracked import SavedPages
from emu.machine.wait import SavedWaits
from emu.machine.witness import SavedWitness
from emu.mailbox.protocol import ApHistory
from emu.vmm.state import SavedVmm

_CPU_BYTES = 400
"""What a CPU's own fields cost beside its context."""


class Snapshot(Struct, frozen=True):
    """A machine between two slices."""

    tick: int
    beat: int
    work: int
    cpus: tuple[SavedCpu, ...]
    vmm: SavedVmm
    npt: NestedState
    tracked: SavedPages
    waits: SavedWaits
    reached: dict[int, ApHistory]
    witness: SavedWitness
    states: bytes
    exit_counts: dict[str, int]
    broken_pages: frozenset[int]
    powered_off: bool
    crash: str
    boot_params: int | None
    injected: SavedInjected
    logs: Counts
    bytes_used: int
    """About what it costs beyond the snapshot that it shares with."""


def take(machine: Machine, before: Snapshot | None) -> Snapshot:
    """A snapshot of now, sharing what it can with an earlier one."""
    cpus = tuple(cpu.save() for cpu in machine.cpus)
    vmm, waits = machine.vmm.save(), machine.waits.save()
    tracked = machine.tracked.save()  # it closes what is open: before the table
    npt = machine.npt.save()
    states, reached = bytes(machine.ram.states), dict(machine.protocol.reached)
    counts = dict(machine.exit_counts)
    witness = machine.witness.save()
    injected = machine.injected.save()
    cost = sum(len(cpu[1]) + _CPU_BYTES for cpu in cpus) + len(states)
    if before is not None:
        cpus = tuple(map(_same, cpus, before.cpus))
        pairs = zip(cpus, before.cpus, strict=True)
        cost = sum(len(new[1]) + _CPU_BYTES for new, old in pairs if new is not old)
        vmm, waits = SavedVmm(*map(_same, vmm, before.vmm)), _shared_waits(waits, before.waits)
        npt, tracked = _same(npt, before.npt), _same(tracked, before.tracked)
        states, reached = _same(states, before.states), _same(reached, before.reached)
        counts = _same(counts, before.exit_counts)
        witness = SavedWitness(*map(_same, witness, before.witness))
        injected = _same(injected, before.injected)
    return Snapshot(
        machine.tick, machine.beat, machine.work, cpus, vmm, npt, tracked, waits, reached,
        witness, states, counts, frozenset(machine.broken_pages), machine.powered_off,
        machine.crash, machine.boot_params, injected, machine.logs.counts(), cost,
    )  # fmt: skip


def _same(new: Any, old: Any) -> Any:
    """The old object if the new one is no other."""
    return old if new == old else new


def _shared_waits(new: SavedWaits, old: SavedWaits) -> SavedWaits:
    """Laps are compared by place only where there are none: they are few and short-lived."""
    return SavedWaits(*(_same(a, b) for a, b in zip(new, old, strict=True)))


def put_back(machine: Machine, saved: Snapshot, pages: set[int]) -> None:
    """The machine is again as it was; `pages` (HPAs) of its memory have been put back."""
    for cpu, state in zip(machine.cpus, saved.cpus, strict=True):
        cpu.load(state)
    machine.tick, machine.beat, machine.work = saved.tick, saved.beat, saved.work
    machine.vmm.load(saved.vmm)
    machine.npt.load(saved.npt, pages)
    machine.tracked.load(saved.tracked)
    machine.waits.load(saved.waits)
    machine.witness.load(saved.witness)
    machine.protocol.reached = dict(saved.reached)
    machine.ram.states[:] = saved.states
    machine.exit_counts = dict(saved.exit_counts)
    machine.broken_pages = set(saved.broken_pages)
    machine.powered_off, machine.crash = saved.powered_off, saved.crash
    machine.boot_params = saved.boot_params
    machine.injected.load(saved.injected)
    machine.logs.back_to(saved.logs)
    machine.reschedule = False
    machine.engine.went_back(pages)
    machine.engine.flush_tlb()
