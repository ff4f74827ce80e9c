"""What a page tells of a run before anybody steps through it: the findings, how to come to the
same state, the CPUs, what was broken on purpose."""

from collections.abc import Iterable
from typing import Final

from emu.export.escape import text, whole
from emu.export.grouped import cpu_rows
from emu.judge.report import CodeReport, FindingReport, RunReport
from emu.profile.profile import SECTIONS, Profile


def reproduce(report: RunReport) -> str:
    """The one command, and what it needs."""
    parts = [f'<pre class="command">{text(report.command)}</pre>']
    if report.command_note:
        parts.append(f"<p>{text(report.command_note)}.</p>")
    if report.recording:
        lines = "\n".join(report.recording)
        parts.append(
            "<details><summary>the file that it reads</summary>"
            f'<pre class="command">{whole(lines)}</pre></details>'
        )
    return "".join(parts)


def findings(report: RunReport) -> str:
    """Each finding with its place, its consequences below it."""
    if not report.findings:
        return "<p>No findings.</p>"
    every = len(report.every_finding)
    rest = every - report.looked_at
    more = (
        f"<p>The first {report.looked_at} have code and registers; of the {rest:,} others they "
        "were not read.</p>"
        if rest > 0
        else ""
    )
    return "".join(_finding(one) for one in report.findings) + more


def _finding(one: FindingReport) -> str:
    return (
        f'<section class="finding {one.severity}"><h3>{one.severity} {text(one.rule)}</h3>'
        f"<p>{text(one.text)}</p>{_facts(_of(one))}{_code(one.code)}{_registers(one)}"
        + "".join(_consequence(below) for below in one.consequences)
        + "</section>"
    )


def _of(one: FindingReport) -> Iterable[tuple[str, str]]:
    where = one.where or "no place in the guest's code"
    yield "when", f"{_who(one)}, tick {one.tick:,}, {where}"
    yield "must hold", one.says
    yield "says who", one.source
    yield "follows", one.follows
    yield "look at", one.look_at


def _consequence(one: FindingReport) -> str:
    return (
        f"<details><summary>so {one.severity} {text(one.rule)}: {_who(one)}, "
        f"tick {one.tick:,}: {text(one.text)}</summary>"
        f"{_facts(_of(one))}{_code(one.code)}{_registers(one)}</details>"
    )


def _who(one: FindingReport) -> str:
    return "the host" if one.cpu is None else f"cpu {one.cpu}"


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{text(name)}</dt><dd>{text(words)}</dd>" for name, words in pairs)
    return f"<dl>{rows}</dl>"


def _code(code: CodeReport) -> str:
    if not code.rows:
        return ""
    rows = (
        f"{'&gt;' if row.here else ' '} "
        f"{row.number if row.kind == 'source' else hex(row.number):>6}  {text(row.text)}"
        for row in code.rows
    )
    name = f'<p class="dim">{text(code.file)}</p>' if code.file else ""
    return f"{name}<pre>{chr(10).join(rows)}</pre>"


def _registers(one: FindingReport) -> str:
    if not one.registers:
        return ""
    cells = [f"{name:7}{value:016x}" for name, value in one.registers.items()]
    rows = ("   ".join(cells[at : at + 4]) for at in range(0, len(cells), 4))
    words = f"registers of {_who(one)} at tick {one.tick:,}"
    return f"<details><summary>{words}</summary><pre>{chr(10).join(rows)}</pre></details>"


PROFILE_ROWS_MAX: Final = 200
CPU_HEAD: Final = ("CPUs", "state", "became", "where", "last milestone")


def cpus(report: RunReport) -> str:
    """Those alike in one row, and a sentence for each that is not well."""
    rows = "".join(
        "<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>"
        for row in cpu_rows(report)
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in CPU_HEAD)
    told = "".join(
        f"<li>{text(one.sentence)}</li>" for one in report.evidence if one.state != "finding"
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" + (
        f"<ul>{told}</ul>" if told else ""
    )


def profile(found: Profile) -> str:
    """Its sections as text, the first of them open."""
    parts = []
    for number, kind in enumerate(one for one in SECTIONS if one.name in found.sections):
        rows = found.sections[kind.name].lines()
        left = len(rows) - PROFILE_ROWS_MAX
        more = (f"and {left:,} more rows: `apdbg profile` has them",) if left > 0 else ()
        words = whole(chr(10).join((*rows[:PROFILE_ROWS_MAX], *more)))
        parts.append(
            f"<details{' open' * (not number)}><summary>{kind.name}: {kind.title}</summary>"
            f"<pre>{words}</pre></details>"
        )
    return "".join(parts)


def machine(report: RunReport) -> str:
    """What was booted, on what, with what entered, by which versions."""
    branch = report.branch
    origin = (
        f"from {branch.parent} at tick {branch.fork_tick:,}"
        if branch.parent
        else "from power-on"
    )
    pairs = [
        ("image", f"{report.image.path} (sha256 {report.image.sha256})"),
        *(
            [("kernel", f"{report.kernel.path} (sha256 {report.kernel.sha256})")]
            if report.kernel
            else []
        ),
        ("platform", f"{report.platform}, {len(report.cpus):,} CPUs"),
        ("memory", f"{report.memory_mib:,} MiB"),
        ("seed, schedule", f"{report.seed}, {report.schedule}"),
        ("branch", f"{branch.name}, {origin}"),
        *(("entered", f"tick {one.tick:,}: {one.text}") for one in branch.entries),
        *(("mark", f"tick {tick:,}: {name}") for name, tick in branch.marks.items()),
        *(("injected", injected(one.spec, one.fired_tick, one.problem, one.met))
          for one in report.injections),
        ("digest", report.digest),
        *report.versions.items(),
    ]  # fmt: skip
    return _facts(pairs)


def injected(spec: str, tick: int | None, problem: str, met: bool) -> str:
    """What became of an injection."""
    if tick is None:
        return f"{spec}: its moment did not come"
    end = f": could not be: {problem}" if problem else "" if met else ": nothing met it"
    return f"{spec}: tick {tick:,}{end}"
