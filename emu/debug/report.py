"""The report of a run, made in this one place: `apdbg-run/1` as a value, as JSON, or in a few
lines for people. Every export is made of the same value.
"""

import time
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from emu.debug.desk import Desk
from emu.debug.recording import apdbg_version
from emu.debug.reproduce import reproduction
from emu.given.plain import plain
from emu.judge.alike import alike
from emu.judge.evidence import evidence
from emu.judge.fate import fates
from emu.judge.judge import head
from emu.judge.report import (
    SCHEMA,
    BranchReport,
    CodeReport,
    CpuReport,
    EntryReport,
    FindingReport,
    ImageReport,
    InjectionReport,
    LoggedReport,
    MailboxReport,
    MilestoneReport,
    Reproduction,
    RunReport,
    WaitReport,
)
from emu.judge.state import state_of
from emu.judge.verdict import is_over
from emu.judge.wait_facts import facts
from emu.machine.event import Event, Logged, MailboxWrite, Milestone
from emu.machine.machine import Machine
from emu.mailbox.rule import Finding
from emu.mailbox.rules import BY_NAME

LOOKED_AT_MAX: Final = 20
"""So many findings are gone to, consequences among them: a bug of a thousand CPUs is known by
the first few."""
FINDINGS_SHOWN: Final = 20
"""Of a thousand APs with one bug, a person needs the first few."""


def _races(desk: Desk) -> tuple[Finding, ...]:
    from emu.judge import races

    return races.findings(desk.machine, desk.timeline)


def of(
    desk: Desk, began: float | None = None, races: bool = False, *, brief: bool = False
) -> RunReport:
    """Report a machine that has stopped; it stays where it is. `began`: when it was opened
    (perf_counter). `races`: the branch is run once more to look for data races. `brief`: what
    only files need is left out: nothing is gone to, neither findings nor what the command needs
    to know, and the versions are not looked up."""
    machine, setup, verdict = desk.machine, desk.setup, desk.verdict
    board = machine.board
    findings = (*desk.judge.findings(verdict), *(_races(desk) if races else ()))
    told = [_finding(machine, one) for one in findings]
    looked_at = 0 if brief else LOOKED_AT_MAX
    again = Reproduction("", "", []) if brief else reproduction(desk)
    return RunReport(
        schema=SCHEMA,
        image=ImageReport(plain(str(setup.image.path)), setup.image.sha256),
        platform=board.platform.name,
        seed=board.seed,
        outcome=verdict.outcome if verdict else "stopped",
        reason=verdict.reason if verdict else "; ".join(stop.text for stop in desk.stop),
        ticks=board.tick,
        virtual_ns=board.now_ps() // 1000,
        cpus=_cpus(desk),
        milestones=[
            MilestoneReport(name, e.cpu, e.tick, e.virtual_ns)
            for name, e in _milestones(board.logs.events)
        ],
        mailbox=[
            MailboxReport(e.tick, e.cpu, w.field, w.old, w.new, w.symbol)
            for w, e in _mailbox_writes(board.logs.events)
        ],
        exits=dict(sorted(board.exit_counts.items())),
        findings=_with_places(desk, findings, told) if looked_at else told,
        injections=injections(machine),
        waits=[WaitReport(f.cpu, f.on, f.last_writer, f.tick, f.known) for f in facts(machine)],
        rules=list(desk.judge.verdicts(verdict)) if setup.options.ap_loop else [],
        serial=board.vmm.serial.decode("utf-8", "replace"),
        log=_logged(board.logs.events),
        digest=desk.digest.now(),
        evidence=evidence(machine, verdict, findings, desk.timeline),
        command=again.command,
        command_note=again.note,
        recording=again.recording,
        branch=_branch(desk),
        memory_mib=board.platform.memory_bytes >> 20,
        schedule=desk.timeline.driver.schedule.chooser.text,
        kernel=None
        if setup.kernel is None
        else ImageReport(plain(str(setup.kernel.path)), setup.kernel.sha256),
        looked_at=looked_at,
        versions={} if brief else _versions(),
        wall_s=UNSET if began is None else round(time.perf_counter() - began, 3),
    )


def _cpus(desk: Desk) -> list[CpuReport]:
    machine = desk.machine
    became = fates(machine, over=is_over(desk.verdict))
    return [
        CpuReport(
            cpu.id, cpu.apic_id, state_of(machine, cpu), cpu.milestone, cpu.ticks,
            machine.waits.clock_of(cpu) // 1000,
            machine.board.linear_rip(cpu) if cpu.context else 0,
            machine.board.place(cpu) if cpu.context else "", became[cpu.id],
        )
        for cpu in machine.board.cpus
    ]  # fmt: skip


def _branch(desk: Desk) -> BranchReport:
    branch = desk.timeline.branch
    entries = branch.entries[: desk.timeline.driver.done]
    return BranchReport(
        branch.name, branch.parent, branch.fork.tick,
        [EntryReport(one.tick, one.beat, one.text) for one in entries],
        {name: mark.at.tick for name, mark in branch.marks.items()},
    )  # fmt: skip


def _versions() -> dict[str, str]:
    """What it was run with."""
    import platform
    from importlib.metadata import version

    return {
        "apdbg": apdbg_version(), "unicorn": version("unicorn"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }  # fmt: skip


def _with_places(
    desk: Desk, findings: tuple[Finding, ...], told: list[FindingReport]
) -> list[FindingReport]:
    """The findings, the first of them with code and registers: each is gone to, and the machine
    comes back to where it is."""
    from emu.export.there import Surroundings, be_at, looking_back, registers

    machine = desk.machine
    every = [one for head in findings for one in (head, *head.consequences)]
    if not every:
        return told
    known: dict[int, tuple[CodeReport, dict[str, int]]] = {}
    with looking_back(desk.timeline):
        codes = Surroundings(machine)
        for one in sorted(every[:LOOKED_AT_MAX], key=lambda one: one.tick):
            be_at(desk.timeline, one.tick)
            cpu = None if one.cpu is None else machine.board.cpus[one.cpu]
            known[id(one)] = (
                codes.around(cpu, one.address), {} if cpu is None else registers(cpu)
            )  # fmt: skip

    def placed(one: Finding, words: FindingReport) -> FindingReport:
        code, values = known.get(id(one), (words.code, words.registers))
        below = zip(one.consequences, words.consequences, strict=True)
        return replace(
            words, code=code, registers=values, consequences=[placed(*some) for some in below]
        )

    return [placed(*some) for some in zip(findings, told, strict=True)]


def _milestones(events: Iterable[Event]) -> list[tuple[str, Event]]:
    """(name, event) of every milestone."""
    return [(e.detail.name, e) for e in events if isinstance(e.detail, Milestone)]


def _mailbox_writes(events: Iterable[Event]) -> list[tuple[MailboxWrite, Event]]:
    """(write, event) of every change of the mailbox."""
    return [(e.detail, e) for e in events if isinstance(e.detail, MailboxWrite)]


def _logged(events: Iterable[Event]) -> list[LoggedReport]:
    """The lines of the guest's own log."""
    return [
        LoggedReport(e.tick, e.cpu, e.detail.level, e.text)
        for e in events
        if isinstance(e.detail, Logged)
    ]


def injections(machine: Machine) -> list[InjectionReport]:
    """What was injected, in the order of its moments; last what still waits for its own."""
    injected = machine.injected
    waiting = (one.spec for one in injected.armed if one.spec)
    idle = injected.idle
    return [
        *(
            InjectionReport(one.spec, one.tick, one.problem, one.spec not in idle)
            for one in injected.fired
        ),
        *(InjectionReport(spec, None, "") for spec in waiting),
    ]


def _finding(machine: Machine, one: Finding) -> FindingReport:
    rule = BY_NAME[one.rule]
    return FindingReport(
        one.rule, one.severity, one.cpu, one.tick, one.where, one.text, rule.follows,
        rule.look_at, [_finding(machine, below) for below in one.consequences], rule.says,
        rule.source, _when_ns(machine, one.tick), CodeReport(), {},
    )  # fmt: skip


def _when_ns(machine: Machine, tick: int) -> int:
    """The clock of the CPU that executed the instruction which ends at a tick."""
    lanes = machine.board.logs.lanes
    run = next(iter(lanes.runs(tick - 1, tick)), None) if tick else None
    if run is None:
        return 0
    whole = next(lanes.backwards(run.cpu, tick))
    return (
        whole.begin_ps + (tick - whole.first) * machine.board.cpus[run.cpu].ps_per_instruction
    ) // 1000


def as_json(report: RunReport) -> str:
    """The object on one line."""
    return msgspec.json.encode(report).decode()


def as_text(report: RunReport) -> str:
    """What happened, for a person."""
    counts: dict[str, int] = {}
    for cpu in report.cpus:
        counts[cpu.state] = counts.get(cpu.state, 0) + 1
    states = ", ".join(f"{count} {state}" for state, count in counts.items())
    took = "" if isinstance(report.wall_s, UnsetType) else f", {report.wall_s:.2f} s"
    noun = "CPU" if len(report.cpus) == 1 else "CPUs"
    lines = [
        *report.said,
        "",
        f"{report.outcome}: {report.reason}",
        f"{len(report.cpus)} {noun} on {report.platform}: {states}",
        f"{report.ticks:,} instructions, {report.virtual_ns / 1e6:,.3f} ms of virtual time"
        f"{took}",
    ]
    lines += _findings(report.findings)
    lines += [one.sentence for one in report.evidence if one.state != "finding"]
    lines += [_told(one) for one in report.injections]
    return "\n".join(lines)


def _findings(found: list[FindingReport]) -> list[str]:
    """The first of them, what many CPUs have alike together."""
    lines: list[str] = []
    groups = alike(found)
    for one in groups[:FINDINGS_SHOWN]:
        lines += [_line(one.first, one.who)]
        lines += [f"    so {_line(below)}" for below in one.first.consequences]
        if one.count > 1:
            lines.append(f"    and {one.count - 1:,} alike: --json has them all")
    more = sum(one.count for one in groups[FINDINGS_SHOWN:])
    return lines + ([f"and {more:,} more findings: --json has them all"] if more else [])


def _line(one: FindingReport, who: str = "") -> str:
    return f"{head(one, who)}: {one.text}"


def _told(one: InjectionReport) -> str:
    if one.fired_tick is None:
        return f"injected: {one.spec}: its moment did not come"
    problem = f": could not be: {one.problem}" if one.problem else ""
    unmet = "" if one.met else ": nothing came that it would change"
    return f"injected: {one.spec} (tick {one.fired_tick:,}){problem}{unmet}"
