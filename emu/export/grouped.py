"""CPUs that are alike, in one row."""

from emu.judge.report import RunReport
from emu.words.spans import spans


def cpu_rows(report: RunReport) -> list[tuple[str, str, str, str, str]]:
    """(CPUs, state, what became of them, function, last milestone); those that are not well
    first."""
    groups: dict[tuple[str, str, str, str], list[int]] = {}
    for cpu in report.cpus:
        alike = cpu.state, cpu.fate, cpu.symbol.partition("+")[0], cpu.milestone
        groups.setdefault(alike, []).append(cpu.id)
    ordered = sorted(groups.items(), key=lambda one: (one[0][1] == "well", one[1][0]))
    return [(spans(cpus), *alike) for alike, cpus in ordered]
