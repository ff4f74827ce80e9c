"""What is told of a run, as one value: the schema `apdbg-run/1`, which every report and every
export is made of (docs/exports.md). Within a version there are only additions.
"""

from typing import Final, Literal

from msgspec import Struct, UnsetType

from emu.judge.rule_verdicts import RuleVerdict
from emu.judge.verdict import UNWELL, CpuState, Evidence, Fate, Outcome
from emu.mailbox.rule import COUNTING, Severity

SCHEMA: Final = "apdbg-run/1"


class ImageReport(Struct, frozen=True):
    path: str
    sha256: str


class CpuReport(Struct, frozen=True):
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


class MilestoneReport(Struct, frozen=True):
    name: str
    cpu: int | None
    tick: int
    virtual_ns: int


class MailboxReport(Struct, frozen=True):
    tick: int
    cpu: int | None
    field: str
    old: int
    new: int
    symbol: str


class LoggedReport(Struct, frozen=True):
    tick: int
    cpu: int | None
    level: str
    """Empty where the guest says none."""
    text: str


class WaitReport(Struct, frozen=True):
    cpu: int
    on: str
    last_writer: int | None
    tick: int | None
    known: bool
    """Whether it is known who wrote last; false: that was before the wait, too long ago."""


class InjectionReport(Struct, frozen=True):
    spec: str
    fired_tick: int | None
    """None: its moment did not come."""
    problem: str
    """Why it could not be, at its moment; empty if it could."""
    met: bool = True
    """False: it lasts, and so far nothing has come that it would change."""


class CodeRow(Struct, frozen=True):
    """A line of source, or an instruction where there is no source."""

    kind: Literal["source", "asm"]
    number: int
    """Of the line of source, or the address of the instruction."""
    text: str
    here: bool = False


class CodeReport(Struct, frozen=True):
    """A place in the guest's code and what stands around it; no rows: nobody executed
    anything, or nothing can be read there."""

    file: str = ""
    """Empty where there is no source."""
    line: int = 0
    rows: tuple[CodeRow, ...] = ()


class FindingReport(Struct, frozen=True):
    rule: str
    severity: Severity
    cpu: int | None
    tick: int
    where: str
    text: str
    follows: str
    look_at: str
    consequences: list["FindingReport"]
    """What would not have happened without it."""
    says: str
    """What must hold."""
    source: str
    """Who says so in public."""
    virtual_ns: int
    code: CodeReport
    registers: dict[str, int]
    """Of its CPU in the first state at or after its tick. Empty for the host's, for a CPU that
    had none yet, and for what was not looked at (`looked_at` of the run)."""


class EntryReport(Struct, frozen=True):
    """Something that was entered, in words that carry it out again."""

    tick: int
    beat: int
    text: str


class BranchReport(Struct, frozen=True):
    name: str
    parent: str
    """Empty: it began at power-on."""
    fork_tick: int
    """Where it left its parent."""
    entries: list[EntryReport]
    """All that was entered from power-on to here."""
    marks: dict[str, int]
    """Names that people gave to moments -> tick."""


class Reproduction(Struct, frozen=True):
    """How anybody comes to this very state."""

    command: str
    """One line for a POSIX shell, in the folder in which apdbg was started."""
    note: str
    """Why no option says it, or what else is missing; empty where the command is all."""
    recording: list[str]
    """The lines of the file that the command reads; none if it reads none."""


class RunReport(Struct, frozen=True, kw_only=True):
    """One object."""

    schema: str
    image: ImageReport
    platform: str
    seed: int
    outcome: Outcome
    reason: str
    ticks: int
    virtual_ns: int
    wall_s: float | UnsetType
    """Left out where nobody timed the run."""
    cpus: list[CpuReport]
    milestones: list[MilestoneReport]
    mailbox: list[MailboxReport]
    exits: dict[str, int]
    findings: list[FindingReport]
    injections: list[InjectionReport]
    waits: list[WaitReport]
    serial: str
    log: list[LoggedReport]
    """What the guest has logged in its own memory."""
    digest: str
    evidence: tuple[Evidence, ...]
    """What there is to say of a run that is not wholly well, the most telling first."""
    command: str
    """The one command that comes to this very state."""
    command_note: str
    recording: list[str]
    branch: BranchReport
    memory_mib: int
    schedule: str
    """The rule in force at the end, in the command's words."""
    kernel: ImageReport | None
    looked_at: int
    """So many findings, consequences among them, have code and registers; those behind them
    have none."""
    versions: dict[str, str]
    rules: list[RuleVerdict]
    """Of a mailbox loop by itself: what each rule says; empty for all other runs."""

    @property
    def said(self) -> list[str]:
        """The lines of the serial line, and of the guest's own log where it has none."""
        return self.serial.splitlines() or [one.text for one in self.log]

    @property
    def unwell(self) -> bool:
        """Whether a CPU is dead, stuck or lost, however the guest ended."""
        return any(cpu.fate in UNWELL for cpu in self.cpus)

    @property
    def broken(self) -> bool:
        """Whether there is a finding that is more than a hint."""
        return any(one.severity in COUNTING for one in self.findings)

    @property
    def every_finding(self) -> list[FindingReport]:
        """The findings, each before its consequences."""
        return [one for head in self.findings for one in (head, *head.consequences)]
