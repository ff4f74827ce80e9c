"""One HTML page that tells a colleague, who need not have apdbg, what happened."""

from html import escape
from typing import Final

from emu.export.history import BranchHistory
from emu.export.spans import LaneSpan, spans
from emu.export.style import SCRIPT, STYLE
from emu.machine.event import Event, MailboxWrite

LANES_MAX: Final = 128
SPANS_MAX: Final = 20_000
APS_MAX: Final = 64
ARROWS_MAX: Final = 400
ROWS_MAX: Final = 5_000
"""Beyond these the page says that it leaves something out: it stays below 5 MB."""
_WIDTH: Final = 1000
_LEFT: Final = 90
_ROW: Final = 18
_STEP: Final = 20
_COLUMN: Final = 110


def page(history: BranchHistory) -> bytes:
    """The whole page; every text of the guest's is escaped."""
    title = f"{history.image} on {history.platform}"
    outcome = f"{history.outcome}: {history.reason}" if history.outcome else "still running"
    listed = "".join(f"<li>{escape(text)}</li>" for text in history.findings)
    whole = "".join((
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p><strong>{escape(outcome)}</strong></p>",
        f"<p>{len(history.apic_ids)} CPUs, seed {history.seed}, {history.ticks:,} "
        f"instructions, {history.virtual_ns / 1e6:,.3f} ms of virtual time</p>",
        "<h2>Findings</h2>", f"<ul>{listed}</ul>" if listed else "<p>No findings.</p>",
        "<h2>CPUs over virtual time</h2>", _lanes(history),
        "<h2>Mailbox</h2>", _sequence(history),
        "<h2>Events</h2>", _table(history.events),
        f"<script>{SCRIPT}</script></body></html>",
    ))  # fmt: skip
    return whole.encode()


def _left_out(count: int, what: str) -> str:
    return f"<p>{count:,} more {what} are left out here.</p>" if count > 0 else ""


def _lanes(history: BranchHistory) -> str:
    """A lane per CPU; the picture is as wide as the whole run."""
    shown = min(len(history.apic_ids), LANES_MAX)
    scale = (_WIDTH - _LEFT) / max(history.virtual_ns * 1000, 1)
    height = _ROW * shown + 30
    drawn = [span for span in spans(history) if span.cpu < shown]
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="CPU lanes">']
    for cpu in range(shown):
        y = _ROW * cpu
        parts.append(f'<text x="4" y="{y + 13}">cpu {cpu}</text>')
        parts.append(f'<line x1="{_LEFT}" y1="{y + 9}" x2="{_WIDTH}" y2="{y + 9}"/>')
    parts += [_bar(span, scale) for span in drawn[:SPANS_MAX]]
    for event in history.events:
        if event.kind == "milestone" and event.cpu is not None and event.cpu < shown:
            x, y = _LEFT + event.virtual_ns * 1000 * scale, _ROW * event.cpu
            name = escape(f"{event.text}, tick {event.tick:,}")
            parts.append(
                f'<path class="milestone" d="M{x:.2f} {y + 1}v16"><title>{name}</title></path>'
            )
    end = f"{history.virtual_ns / 1e6:,.3f} ms"
    parts.append(f'<text x="{_LEFT}" y="{height - 6}">0</text>')
    parts.append(f'<text x="{_WIDTH}" y="{height - 6}" text-anchor="end">{end}</text></svg>')
    legend = "".join(
        f'<span class="key {word}">{word}</span>' for word in ("running", "waiting", "halted")
    )
    more = _left_out(len(history.apic_ids) - shown, "CPUs")
    return (
        "".join(parts) + f"<p>{legend}</p>" + more + _left_out(len(drawn) - SPANS_MAX, "spans")
    )


def _bar(span: LaneSpan, scale: float) -> str:
    x, width = _LEFT + span.begin_ps * scale, max((span.end_ps - span.begin_ps) * scale, 0.4)
    high = span.doing == "running"
    y, height = _ROW * span.cpu + (3 if high else 7), 12 if high else 4
    place = f'x="{x:.2f}" y="{y}" width="{width:.2f}" height="{height}"'
    return f'<rect class="{span.doing}" {place}/>'


def _sequence(history: BranchHistory) -> str:
    """Who wrote which field: arrows between the writers and the page."""
    writes = [event for event in history.events if isinstance(event.detail, MailboxWrite)]
    if not writes:
        return "<p>Nobody wrote to the mailbox.</p>"
    cpus = sorted({event.cpu for event in writes if event.cpu is not None})
    shown, drawn = cpus[: APS_MAX + 1], writes[:ARROWS_MAX]
    x_of = {cpu: _LEFT + _COLUMN * (place + 1) for place, cpu in enumerate(shown)}
    width, height = _LEFT + _COLUMN * (len(shown) + 2) + 160, _STEP * len(drawn) + 50
    parts = [
        f'<svg viewBox="0 0 {width} {height}" style="min-width:{width // 2}px" role="img" '
        'aria-label="mailbox sequence">'
    ]
    for name, x in (("mailbox", _LEFT), *((f"cpu {cpu}", x) for cpu, x in x_of.items())):
        parts.append(f'<text x="{x}" y="16" text-anchor="middle">{name}</text>')
        parts.append(f'<line x1="{x}" y1="24" x2="{x}" y2="{height}"/>')
    for place, event in enumerate(drawn):
        x = 20 if event.cpu is None else x_of.get(event.cpu, 20)
        parts.append(_arrow(event, x, 44 + _STEP * place))
    parts.append("</svg>")
    more = _left_out(len(cpus) - len(shown), "CPUs") + _left_out(
        len(writes) - len(drawn), "writes"
    )
    return f'<div class="wide">{"".join(parts)}</div>{more}'


def _arrow(event: Event, x: int, y: int) -> str:
    words = escape(f"{event.tick:,}  {event.text}")
    tip = 6 if x > _LEFT else -6
    return (
        f'<path class="arrow" d="M{x} {y}H{_LEFT}m{tip} -4l{-tip} 4l{tip} 4"/>'
        f'<text x="{x + 8}" y="{y + 4}">{words}</text>'
    )


def _table(events: tuple[Event, ...]) -> str:
    rows = "".join(
        f"<tr><td>{event.tick:,}</td><td>{event.virtual_ns / 1e3:,.3f}</td>"
        f"<td>{'host' if event.cpu is None else event.cpu}</td><td>{event.kind}</td>"
        f"<td>{escape(event.text)}</td></tr>"
        for event in events[:ROWS_MAX]
    )
    return (
        '<p><label>Filter <input id="filter" type="search"></label></p>'
        "<table><thead><tr><th>tick</th><th>us</th><th>cpu</th><th>kind</th><th>what</th></tr>"
        f'</thead><tbody id="events">{rows}</tbody></table>'
        + _left_out(len(events) - ROWS_MAX, "events")
    )
