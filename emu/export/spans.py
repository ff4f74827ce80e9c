"""What each CPU did over virtual time, as spans: the common ground of all exports."""

from msgspec import Struct

from emu.export.history import BranchHistory


class LaneSpan(Struct, frozen=True):
    """One CPU did one thing from one moment to another of its own clock."""

    cpu: int
    doing: str
    """running, waiting, halted, mwait, wait-for-sipi or shutdown; off is no span."""
    begin_ps: int
    end_ps: int
    ticks: int
    """Instructions executed meanwhile; 0 for all but running."""


def spans(history: BranchHistory) -> list[LaneSpan]:
    """All spans, CPU by CPU, in order of time."""
    found = []
    for cpu, speed in enumerate(history.ps_per_instruction):
        for run in (run for run in history.runs if run.cpu == cpu):
            ticks = run.last - run.first
            end = run.begin_ps + ticks * speed
            found.append(LaneSpan(cpu, "running", run.begin_ps, end, ticks))
        turns = [turn for turn in history.turns if turn.cpu == cpu]
        over = history.report.virtual_ns * 1000
        for place, turn in enumerate(turns):
            end = turns[place + 1].clock_ps if place + 1 < len(turns) else over
            if turn.activity not in ("running", "off") and end > turn.clock_ps:
                found.append(LaneSpan(cpu, turn.activity, turn.clock_ps, end, 0))
    return found
