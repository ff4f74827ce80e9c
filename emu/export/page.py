"""One HTML page that tells a colleague, who need not have apdbg, what happened, and lets him
step through it. It is one file, asks for no other, and says all without its script, too."""

from typing import Any, Final

from emu.export import told
from emu.export.axis import Axis
from emu.export.escape import data, text, whole
from emu.export.history import BranchHistory
from emu.export.lanes import lanes, shown_cpus
from emu.export.sequence import left_out, sequence
from emu.export.spans import spans
from emu.export.stops import SeenStop, Stops
from emu.export.style import POLICY, SCRIPT, STYLE
from emu.export.there import REGISTERS
from emu.judge.report import CodeReport, RunReport
from emu.machine.event import Event
from emu.mailbox.layout import command_name

ROWS_MAX: Final = 5_000
"""Events; beyond these the page says that it leaves some out."""
SERIAL_MAX: Final = 100_000
"""Characters of the serial line: its last ones are shown."""
_SECTIONS: Final = (
    ("reproduce", "How to come here"), ("findings", "Findings"),
    ("steps", "CPUs over virtual time"), ("cpus", "CPUs"), ("mailbox", "Mailbox"),
    ("profile", "Where the time went"), ("stops-list", "Recorded stops"),
    ("events-list", "Events"), ("serial", "Serial line"), ("machine", "What was booted"),
)  # fmt: skip


def page(history: BranchHistory) -> bytes:
    """The whole page."""
    report = history.report
    title = text(f"{report.image.path} on {report.platform}")
    bodies = _bodies(history)
    parts = "".join(
        f'<section id="{name}"><h2>{words}</h2>{bodies[name]}</section>'
        for name, words in _SECTIONS
    )
    contents = "".join(f'<a href="#{name}">{words}</a>' for name, words in _SECTIONS)
    whole_page = "".join((
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1><p><strong>{_outcome(report)}</strong></p>",
        f"<p>{len(report.cpus)} CPUs, seed {report.seed}, {report.ticks:,} "
        f"instructions, {report.virtual_ns / 1e6:,.3f} ms of virtual time</p>",
        f'<nav aria-label="contents">{contents}</nav>{parts}',
        f"<script>{SCRIPT}</script></body></html>",
    ))  # fmt: skip
    return whole_page.encode()


def _outcome(report: RunReport) -> str:
    return text(f"{report.outcome}: {report.reason}")


def _bodies(history: BranchHistory) -> dict[str, str]:
    report = history.report
    return {
        "reproduce": told.reproduce(report),
        "findings": told.findings(report),
        "steps": _steps(history),
        "cpus": told.cpus(report),
        "mailbox": sequence(history),
        "profile": told.profile(history.profile),
        "stops-list": _stops(history.stops),
        "events-list": _events(history.events),
        "serial": _serial("\n".join(report.said)),
        "machine": told.machine(report),
    }


def _serial(words: str) -> str:
    head = left_out(len(words) - SERIAL_MAX, "characters before these")
    return f"{head}<pre>{whole(words[-SERIAL_MAX:])}</pre>" if words else "<p>Nothing.</p>"


# -- steps ----------------------------------------------------------------------------------

_BUTTONS: Final = (
    ("first", "First"), ("back", "Back (k, left)"), ("next", "Next (j, right)"),
    ("last", "Last"), ("closer", "Closer (+)"), ("farther", "Farther (-)"),
)  # fmt: skip


def _steps(history: BranchHistory) -> str:
    """The lanes, and below them what the script fills for the stop that is shown."""
    every = spans(history)
    axis = Axis(every, history.report.virtual_ns * 1000)
    buttons = "".join(f'<button id="{name}">{words}</button>' for name, words in _BUTTONS)
    last = len(history.stops.seen) - 1
    return (
        lanes(history, every, axis)
        + '<div class="stepper" id="stepper" role="group" aria-label="steps" hidden>'
        f'<div class="tools">{buttons}<input type="range" id="place" min="0" max="{last}" '
        'value="0" aria-label="stop"></div><p id="now" aria-live="polite"></p>'
        '<div class="panes"><div><h3>Code <span id="file"></span></h3><pre id="code"></pre>'
        '<h3>Mailbox</h3><pre id="box"></pre><h3>All CPUs</h3><p id="states"></p></div>'
        '<div><h3>Registers of <span id="who"></span></h3><pre id="registers"></pre>'
        '<p class="dim">* is another value than at this CPU\'s stop before</p></div></div>'
        "</div>"
        "<noscript><p>Without a script the stops are in the table of recorded stops.</p>"
        f'</noscript><div id="recorded" hidden>{_recorded(history, axis)}</div>'
    )


def _recorded(history: BranchHistory, axis: Axis) -> str:
    """What the script walks: the same stops as in the table, with all that was there."""
    rows = {cpu: place for place, cpu in enumerate(shown_cpus(history))}
    codes: dict[CodeReport, int] = {}
    seen = [_stop(one, axis, rows, codes) for one in history.stops.seen]
    code = [{"file": one.file, "rows": _rows(one)} for one in codes]
    return data({"names": REGISTERS, "code": code, "stops": seen})


def _rows(code: CodeReport) -> list[tuple[int | str, str, bool]]:
    """(line or address, text, whether it is the one) of each."""
    return [
        (row.number if row.kind == "source" else f"{row.number:#x}", row.text, row.here)
        for row in code.rows
    ]


def _stop(
    one: SeenStop, axis: Axis, rows: dict[int, int], codes: dict[CodeReport, int]
) -> dict[str, Any]:
    stop = one.stop
    return {
        "tick": f"{stop.tick:,}",
        "us": f"{stop.virtual_ns / 1e3:,.3f}",
        "cpu": stop.cpu,
        "text": stop.text,
        "place": one.place,
        "x": axis.at(stop.virtual_ns * 1000),
        "lane": -1 if stop.cpu is None else rows.get(stop.cpu, -1),
        "code": codes.setdefault(one.code, len(codes)) if one.code.rows else -1,
        "registers": [f"{value:016x}" for value in one.registers.values()],
        "mailbox": _mailbox(one),
        "states": one.states,
    }


def _mailbox(one: SeenStop) -> str:
    box = one.mailbox
    if box is None:
        return "none is known yet"
    return (
        f"command  {command_name(box.command)}\nreserved {box.reserved:#x}\n"
        f"apic id  {box.apic_id}\nvector   {box.vector:#x} {one.vector}".rstrip()
    )


# -- tables ---------------------------------------------------------------------------------


def _table(rows: str, name: str) -> str:
    columns = ("tick", "us", "cpu", "kind", "what")
    head = "".join(f'<th scope="col">{one}</th>' for one in columns)
    return (
        f'<table class="log"><thead><tr>{head}</tr></thead><tbody id="{name}">{rows}</tbody>'
        "</table>"
    )


def _row(tick: int, ns: int, cpu: int | None, kind: str, words: str) -> str:
    return (
        f"<tr><td>{tick:,}</td><td>{ns / 1e3:,.3f}</td>"
        f"<td>{'host' if cpu is None else cpu}</td><td>{kind}</td><td>{text(words)}</td></tr>"
    )


def _stops(stops: Stops) -> str:
    rows = "".join(
        _row(
            one.stop.tick, one.stop.virtual_ns, one.stop.cpu, one.stop.kind,
            f"{one.stop.text} [{one.place}]" if one.place else one.stop.text,
        )
        for one in stops.seen
    )  # fmt: skip
    return _table(rows, "stops") + left_out(stops.left_out, "stops")


def _events(events: tuple[Event, ...]) -> str:
    rows = "".join(
        _row(one.tick, one.virtual_ns, one.cpu, one.kind, one.text) for one in events[:ROWS_MAX]
    )
    return (
        '<p><label>Filter <input id="filter" type="search"></label></p>'
        + _table(rows, "events")
        + left_out(len(events) - ROWS_MAX, "events")
    )
