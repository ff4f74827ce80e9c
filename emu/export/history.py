"""All that happened on one branch, as one frozen value: exports and lanes are made from it."""

from msgspec import Struct

from emu.machine.event import Event
from emu.machine.log import Run, Turn
from emu.machine.machine import Machine


class BranchHistory(Struct, frozen=True):
    """A whole course up to `ticks`."""

    image: str
    platform: str
    seed: int
    ticks: int
    virtual_ns: int
    apic_ids: tuple[int, ...]
    ps_per_instruction: tuple[int, ...]
    """By CPU: a run's length in time is its ticks times this, its exits aside."""
    runs: tuple[Run, ...]
    """Who executed when, oldest first, without gaps."""
    turns: tuple[Turn, ...]
    """Changes of activity, oldest first; before its first one a CPU is off."""
    events: tuple[Event, ...]
    outcome: str
    """The outcome's word, empty while there is none."""
    reason: str
    findings: tuple[str, ...]
    """The rules that were broken, a sentence each."""


def history(
    machine: Machine, outcome: str = "", reason: str = "", findings: tuple[str, ...] = ()
) -> BranchHistory:
    """What has happened on a machine up to now."""
    return BranchHistory(
        image=machine.board.layout.name,
        platform=machine.board.platform.name,
        seed=machine.board.seed,
        ticks=machine.board.tick,
        virtual_ns=machine.board.now_ps() // 1000,
        apic_ids=tuple(cpu.apic_id for cpu in machine.board.cpus),
        ps_per_instruction=tuple(cpu.ps_per_instruction for cpu in machine.board.cpus),
        runs=tuple(machine.board.logs.lanes.runs(0, machine.board.tick)),
        turns=tuple(machine.board.logs.turns),
        events=tuple(machine.board.logs.events),
        outcome=outcome,
        reason=reason,
        findings=findings,
    )
