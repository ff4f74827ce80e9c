"""The report of a run: `apdbg-run/1` as JSON, or the same in a few lines for people.

Within a version of the schema there are only additions (DESIGN.md, section 7).
"""

import time
from collections.abc import Iterable
from typing import Final

import msgspec

from emu.debug.desk import Desk
from emu.given.plain import plain
from emu.judge.alike import alike
from emu.judge.evidence import evidence
from emu.judge.fate import UNWELL, fates
from emu.judge.state import state_of
from emu.judge.verdict import CpuState, Evidence, Fate, Outcome, is_over
from emu.judge.waiting import facts
from emu.machine.event import Event, MailboxWrite, Milestone
from emu.machine.machine import Machine
from emu.mailbox.rule import COUNTING, Finding, Severity
from emu.mailbox.rules import BY_NAME

SCHEMA: Final = "apdbg-run/1"
FINDINGS_SHOWN: Final = 20
"""Of a thousand APs with one bug, a person needs the first few."""


class ImageReport(msgspec.Struct, frozen=True):
    path: str
    sha256: str


class CpuReport(msgspec.Struct, frozen=True):
    id: int
    apic_id: int
    state: CpuState
    milestone: str
    ticks: int
    virtual_ns: int
    rip: int
    symbol: str
    fate: Fate
    """What became of it; `dead`, `stuck` and `lost` make the exit code 1."""


class MilestoneReport(msgspec.Struct, frozen=True):
    name: str
    cpu: int | None
    tick: int
    virtual_ns: int


class MailboxReport(msgspec.Struct, frozen=True):
    tick: int
    cpu: int | None
    field: str
    old: int
    new: int
    symbol: str


class WaitReport(msgspec.Struct, frozen=True):
    cpu: int
    on: str
    last_writer: int | None
    tick: int | None
    known: bool
    """Whether it is known who wrote last; false: that was before the wait, too long ago."""


class InjectionReport(msgspec.Struct, frozen=True):
    spec: str
    fired_tick: int | None
    """None: its moment did not come."""
    problem: str
    """Why it could not be, at its moment; empty if it could."""
    met: bool = True
    """False: it lasts, and so far nothing has come that it would change."""


class FindingReport(msgspec.Struct, frozen=True):
    rule: str
    severity: Severity
    cpu: int | None
    tick: int
    where: str
    text: str
    follows: str
    look_at: str
    consequences: list["FindingReport"] = []
    """What would not have happened without it."""


class RunReport(msgspec.Struct, frozen=True):
    """One object."""

    schema: str
    image: ImageReport
    platform: str
    seed: int
    outcome: Outcome
    reason: str
    ticks: int
    virtual_ns: int
    wall_s: float
    cpus: list[CpuReport]
    milestones: list[MilestoneReport]
    mailbox: list[MailboxReport]
    exits: dict[str, int]
    findings: list[FindingReport]
    injections: list[InjectionReport]
    waits: list[WaitReport]
    serial: str
    digest: str
    evidence: tuple[Evidence, ...]
    """What there is to say of a run that is not wholly well, the most telling first."""

    @property
    def unwell(self) -> bool:
        """Whether a CPU is dead, stuck or lost, however the guest ended."""
        return any(cpu.fate in UNWELL for cpu in self.cpus)

    @property
    def broken(self) -> bool:
        """Whether there is a finding that is more than a hint."""
        return any(one.severity in COUNTING for one in self.findings)


def _races(desk: Desk) -> tuple[Finding, ...]:
    from emu.judge import races

    return races.findings(desk.machine, desk.timeline)


def of(desk: Desk, began: float, races: bool = False) -> RunReport:
    """Report a machine that has stopped; `began` is when it was opened (perf_counter).
    `races`: the branch is run once more to look for data races."""
    machine, setup = desk.machine, desk.setup
    verdict = desk.verdict
    outcome = verdict.outcome if verdict else "stopped"
    findings = (*desk.judge.findings(verdict), *(_races(desk) if races else ()))
    became = fates(machine, over=is_over(verdict))
    cpus = [
        CpuReport(
            cpu.id, cpu.apic_id, state_of(machine, cpu), cpu.milestone, cpu.ticks,
            machine.waits.clock_of(cpu) // 1000,
            machine.board.linear_rip(cpu) if cpu.context else 0,
            machine.board.place(cpu) if cpu.context else "", became[cpu.id],
        )
        for cpu in machine.board.cpus
    ]  # fmt: skip
    return RunReport(
        schema=SCHEMA,
        image=ImageReport(plain(str(setup.image.path)), setup.image.sha256),
        platform=machine.board.platform.name,
        seed=machine.board.seed,
        outcome=outcome,
        reason=verdict.reason if verdict else "; ".join(stop.text for stop in desk.stop),
        ticks=machine.board.tick,
        virtual_ns=machine.board.now_ps() // 1000,
        cpus=cpus,
        milestones=[
            MilestoneReport(name, e.cpu, e.tick, e.virtual_ns)
            for name, e in _milestones(machine.board.logs.events)
        ],
        mailbox=[
            MailboxReport(e.tick, e.cpu, w.field, w.old, w.new, w.symbol)
            for w, e in _mailbox_writes(machine.board.logs.events)
        ],
        exits=dict(sorted(machine.board.exit_counts.items())),
        findings=[_finding(one) for one in findings],
        injections=injections(machine),
        waits=[WaitReport(f.cpu, f.on, f.last_writer, f.tick, f.known) for f in facts(machine)],
        evidence=evidence(machine, verdict, findings, desk.timeline),
        serial=machine.board.vmm.serial.decode("utf-8", "replace"),
        digest=desk.digest.now(),
        wall_s=round(time.perf_counter() - began, 3),
    )


def _milestones(events: Iterable[Event]) -> list[tuple[str, Event]]:
    """(name, event) of every milestone."""
    return [(e.detail.name, e) for e in events if isinstance(e.detail, Milestone)]


def _mailbox_writes(events: Iterable[Event]) -> list[tuple[MailboxWrite, Event]]:
    """(write, event) of every change of the mailbox."""
    return [(e.detail, e) for e in events if isinstance(e.detail, MailboxWrite)]


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


def _finding(one: Finding) -> FindingReport:
    rule = BY_NAME[one.rule]
    return FindingReport(
        one.rule, one.severity, one.cpu, one.tick, one.where, one.text, rule.follows,
        rule.look_at, [_finding(below) for below in one.consequences],
    )  # fmt: skip


def as_json(report: RunReport) -> str:
    """The object on one line."""
    return msgspec.json.encode(report).decode()


def as_text(report: RunReport) -> str:
    """What happened, for a person."""
    counts: dict[str, int] = {}
    for cpu in report.cpus:
        counts[cpu.state] = counts.get(cpu.state, 0) + 1
    states = ", ".join(f"{count} {state}" for state, count in counts.items())
    noun = "CPU" if len(report.cpus) == 1 else "CPUs"
    lines = [
        *report.serial.splitlines(),
        "",
        f"{report.outcome}: {report.reason}",
        f"{len(report.cpus)} {noun} on {report.platform}: {states}",
        f"{report.ticks:,} instructions, {report.virtual_ns / 1e6:,.3f} ms of virtual time, "
        f"{report.wall_s:.2f} s",
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
    who = who or ("host" if one.cpu is None else f"cpu {one.cpu}")
    place = f", {one.where}" if one.where else ""
    return f"{one.severity} {one.rule}: {who}, tick {one.tick:,}{place}: {one.text}"


def _told(one: InjectionReport) -> str:
    if one.fired_tick is None:
        return f"injected: {one.spec}: its moment did not come"
    problem = f": could not be: {one.problem}" if one.problem else ""
    unmet = "" if one.met else ": nothing came that it would change"
    return f"injected: {one.spec} (tick {one.fired_tick:,}){problem}{unmet}"
