"""All that happened on one branch, as one frozen value: exports and lanes are made from it."""

from msgspec import Struct

from emu.export.stops import Stops
from emu.judge.report import RunReport
from emu.machine.event import Event
from emu.machine.log import Run, Turn
from emu.machine.machine import Machine
from emu.profile.profile import Profile, chosen, profile


class BranchHistory(Struct, frozen=True):
    """A whole course up to now: what is told of it, and what it is told from."""

    report: RunReport
    """Outcome, findings, the command that comes here: the same as `apdbg run --json` has."""
    ps_per_instruction: tuple[int, ...]
    """By CPU: a run's length in time is its ticks times this, its exits aside."""
    runs: tuple[Run, ...]
    """Who executed when, oldest first, without gaps."""
    turns: tuple[Turn, ...]
    """Changes of activity, oldest first; before its first one a CPU is off."""
    events: tuple[Event, ...]
    stops: Stops
    profile: Profile
    """Where the time went, as far as the logs tell."""


def history(machine: Machine, report: RunReport, stops: Stops) -> BranchHistory:
    """What has happened on a machine up to now."""
    logs = machine.board.logs
    return BranchHistory(
        report=report,
        ps_per_instruction=tuple(cpu.ps_per_instruction for cpu in machine.board.cpus),
        runs=tuple(logs.lanes.runs(0, machine.board.tick)),
        turns=tuple(logs.turns),
        events=tuple(logs.events),
        stops=stops,
        profile=profile(machine, chosen(())),
    )
