"""The first line: which machine, what time it is there, and why it stands still."""

from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Window
from tui.text import MORE, Line, Role, Span, clock, fit, line, pad, plain

WIDE_FROM_CELLS = 100
IMAGE_FROM_CELLS = 60
_OUTCOME_ROLES: dict[str, Role] = {
    "booted": "good", "degraded": "warn", "hung": "bad", "crashed": "bad", "limit": "warn",
    "stopped": "warn",
}  # fmt: skip


def state(view: MachineView) -> tuple[str, Role]:
    """One word for the machine: RUNNING, STOPPED, PAST, or how its boot ended."""
    if view.running:
        return "RUNNING", "busy"
    if view.outcome is not None:
        return view.outcome.upper(), _OUTCOME_ROLES[view.outcome]
    return ("PAST" if view.timeline.now < view.timeline.end else "STOPPED"), "warn"


def reason(view: MachineView) -> str:
    """Why the machine stands still, where, and whose doing it was; several may hold."""
    if view.running:
        return "space pauses"
    if view.outcome is not None:
        return view.outcome_reason
    return "; ".join(stop.text for stop in view.stop)


def _machine(view: MachineView, width: int) -> Line:
    count = f"{len(view.cpus):,} CPU" + ("s" if len(view.cpus) != 1 else "")
    if width < IMAGE_FROM_CELLS:
        return line(" ")
    if width < WIDE_FROM_CELLS:
        return line((f" {view.image} ", "strong"), f"{view.platform}  ",
                    (f"tick {view.tick:,}", "number"), "  ")  # fmt: skip
    seed = f"seed {view.seed}"
    moment = f"tick {view.tick:,}"
    return line((f" {view.image}", "strong"), f"  {view.platform}  {count}  ", (seed, "dim"),
                "   ", (pad(moment, 16), "number"), " ",
                (pad(clock(view.virtual_ns), 10), "number"), "  ")  # fmt: skip


def render(view: MachineView, window: Window) -> Page:
    """One line; a narrow window leaves out what is known, never why the machine stopped."""
    word, role = state(view)
    head = _machine(view, window.width)
    body = line((word, role), *_found(view), "  ", reason(view))
    return Page((fit((*head, *body), window.width),))


def _found(view: MachineView) -> tuple[Span, ...]:
    """How many rules were broken; silent while none is."""
    count = len(view.findings.rows)
    if not count:
        return ()
    role: Role = "bad" if view.findings.errors else "warn" if view.findings.counting else "dim"
    return ("  ", "plain"), (f"{count:,} finding" + ("s" if count > 1 else ""), role)


def hides_reason(view: MachineView, width: int) -> bool:
    """Whether the sentence does not fit on the line, so that it must be said elsewhere."""
    return MORE in plain(render(view, Window(width, 1)).lines[0])


PANEL = Panel("status", "Status", render, home="own")
