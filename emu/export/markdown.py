"""One Markdown file for an issue tracker: what happened, the findings, how to come to the same
state. Read as plain text it says the same.

Headings and words between the blocks are ours; whatever comes from the guest, a file or a
person stands in code blocks.
"""

from collections.abc import Iterator
from typing import Final

from emu.export.escape import block
from emu.export.grouped import cpu_rows
from emu.export.told import injected
from emu.judge.report import CodeReport, FindingReport, RunReport
from emu.mailbox.layout import describe

FINDINGS_MAX: Final = 10
WRITES_MAX: Final = 12
SERIAL_MAX: Final = 12
CPUS_MAX: Final = 24
"""Lines of each: a person who needs more has the command."""
RECORDING_LINE_MAX: Final = 1 << 20
_SAID: Final = ("The guest's own log, its end", "Serial line, its end")
"""By whether it has sent anything."""


def markdown(report: RunReport) -> str:
    """The whole file."""
    lines = [f"# apdbg: {report.outcome}", "", *block([report.reason or "it has not ended"])]
    for name, rows in (
        ("How to come here", _command(report)),
        ("Findings", _findings(report)),
        ("CPUs", _cpus(report)),
        ("Mailbox, the last writes", _mailbox(report)),
        (_SAID[bool(report.serial)], _said(report)),
        ("What was booted", block(_machine(report))),
    ):
        lines += ["", f"## {name}", "", *rows]
    return "\n".join(lines) + "\n"


def _command(report: RunReport) -> list[str]:
    rows = block([report.command], RECORDING_LINE_MAX)
    if report.command_note:
        rows += ["", *block([report.command_note])]
    if report.recording:
        rows += ["", "The file that it reads:", ""]
        rows += block(report.recording, RECORDING_LINE_MAX)
    return rows


def _findings(report: RunReport) -> list[str]:
    if not report.findings:
        return ["No findings."]
    rows: list[str] = []
    for number, one in enumerate(report.findings[:FINDINGS_MAX], 1):
        rows += [f"### {number}. {one.severity} {one.rule}", "", *block(_finding(one)), ""]
    more = len(report.findings) - FINDINGS_MAX
    return [*rows, f"{more:,} more findings are left out here."] if more > 0 else rows[:-1]


def _finding(one: FindingReport) -> Iterator[str]:
    yield _head(one)
    yield one.text
    yield f"must hold: {one.says}"
    yield f"says who:  {one.source}"
    yield f"follows:   {one.follows}"
    yield f"look at:   {one.look_at}"
    yield from _code(one.code)
    cells = [f"{name:6} {value:016x}" for name, value in one.registers.items()]
    if cells:
        yield ""
        yield f"registers of cpu {one.cpu} there"
    for at in range(0, len(cells), 4):
        yield "  " + "   ".join(cells[at : at + 4])
    for below in one.consequences:
        yield ""
        yield f"so {below.severity} {below.rule}: {_head(below)}"
        yield f"  {below.text}"


def _head(one: FindingReport) -> str:
    who = "the host" if one.cpu is None else f"cpu {one.cpu}"
    return f"{who}, tick {one.tick:,}" + (f", {one.where}" if one.where else "")


def _code(code: CodeReport) -> Iterator[str]:
    if code.rows:
        yield ""
        yield code.file or "no source; instructions"
    for row in code.rows:
        number = str(row.number) if row.kind == "source" else f"{row.number:#x}"
        yield f"{'>' if row.here else ' '} {number:>6}  {row.text}"


def _cpus(report: RunReport) -> list[str]:
    rows = [
        f"{cpus}: {state}, {fate}" + (f", in {where}" if where else "")
        for cpus, state, fate, where, _ in cpu_rows(report)
    ]
    told = [one.sentence for one in report.evidence if one.state != "finding"]
    more = len(rows) - CPUS_MAX
    last = [f"{more:,} more kinds of CPUs are left out here"] if more > 0 else []
    return block([*rows[:CPUS_MAX], *last, *([""] if told else []), *told[:CPUS_MAX]])


def _mailbox(report: RunReport) -> list[str]:
    """The last writes, in words."""
    writes = report.mailbox
    if not writes:
        return ["Nobody wrote to it."]
    rows = [] if len(writes) <= WRITES_MAX else [f"... {len(writes) - WRITES_MAX:,} before"]
    for one in writes[-WRITES_MAX:]:
        who = "host" if one.cpu is None else f"cpu {one.cpu}"
        words = describe(one.field, one.old, one.new, lambda _: "")
        rows.append(f"tick {one.tick:>11,}  {who:8} {words}  [{one.symbol}]")
    return block(rows)


def _said(report: RunReport) -> list[str]:
    lines = report.said
    return block(lines[-SERIAL_MAX:]) if lines else ["Nothing."]


def _machine(report: RunReport) -> Iterator[str]:
    images = [("image", report.image)]
    if report.kernel is not None:
        images.append(("kernel", report.kernel))
    for name, image in images:
        yield f"{name:9} {image.path}"
        yield f"{'':9} sha256 {image.sha256}"
    yield f"platform  {report.platform}, {len(report.cpus)} CPUs, {report.memory_mib} MiB"
    yield f"seed      {report.seed}, schedule {report.schedule}"
    branch = report.branch
    origin = f", from {branch.parent} at tick {branch.fork_tick:,}" if branch.parent else ""
    yield f"branch    {branch.name}{origin}"
    for entry in branch.entries:
        yield f"entered   tick {entry.tick:,}: {entry.text}"
    for mark, tick in branch.marks.items():
        yield f"mark      tick {tick:,}: {mark}"
    for one in report.injections:
        yield f"injected  {injected(one.spec, one.fired_tick, one.problem, one.met)}"
    yield f"stands at tick {report.ticks:,}, {report.virtual_ns / 1e6:,.3f} ms, digest"
    yield f"{'':9} {report.digest}"
    yield "versions  " + ", ".join(f"{name} {words}" for name, words in report.versions.items())
