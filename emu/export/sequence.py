"""The mailbox's course as a picture: who wrote which field, in the order of time."""

from typing import Final

from emu.export.escape import text
from emu.export.history import BranchHistory
from emu.machine.event import Event, MailboxWrite

APS_MAX: Final = 64
ARROWS_MAX: Final = 400
"""Beyond these it says that it leaves something out."""
_LEFT: Final = 90
_STEP: Final = 20
_COLUMN: Final = 110


def sequence(history: BranchHistory) -> str:
    """Arrows between the writers and the page."""
    writes = [event for event in history.events if isinstance(event.detail, MailboxWrite)]
    if not writes:
        return "<p>Nobody wrote to the mailbox.</p>"
    cpus = sorted({event.cpu for event in writes if event.cpu is not None})
    shown, drawn = cpus[: APS_MAX + 1], writes[:ARROWS_MAX]
    x_of = {cpu: _LEFT + _COLUMN * (place + 1) for place, cpu in enumerate(shown)}
    width, height = _LEFT + _COLUMN * (len(shown) + 2) + 160, _STEP * len(drawn) + 50
    parts = [
        f'<svg class="sequence" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="mailbox sequence; the events say the same">'
    ]
    for name, x in (("mailbox", _LEFT), *((f"cpu {cpu}", x) for cpu, x in x_of.items())):
        parts.append(f'<text x="{x}" y="16" text-anchor="middle">{name}</text>')
        parts.append(f'<line x1="{x}" y1="24" x2="{x}" y2="{height}"/>')
    for place, event in enumerate(drawn):
        x = 20 if event.cpu is None else x_of.get(event.cpu, 20)
        parts.append(_arrow(event, x, 44 + _STEP * place))
    parts.append("</svg>")
    more = left_out(len(cpus) - len(shown), "CPUs")
    more += left_out(len(writes) - len(drawn), "writes")
    return f'<div class="wide">{"".join(parts)}</div>{more}'


def left_out(count: int, what: str) -> str:
    """Says so, if there are any."""
    return f"<p>{count:,} more {what} are left out here.</p>" if count > 0 else ""


def _arrow(event: Event, x: int, y: int) -> str:
    tip = 6 if x > _LEFT else -6
    return (
        f'<path class="arrow" d="M{x} {y}H{_LEFT}m{tip} -4l{-tip} 4l{tip} 4"/>'
        f'<text x="{x + 8}" y="{y + 4}">{text(f"{event.tick:,}  {event.text}")}</text>'
    )
