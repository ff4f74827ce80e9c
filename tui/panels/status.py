"""The first line: which machine, what time it is there, and why it stands still."""

from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Window
from tui.text import MORE, Line, Role, Span, clock, cut, fit, line, plain

WIDE_FROM_CELLS = 100
MOMENT_FROM_CELLS = 60
IMAGE_FROM_CELLS = 72
FOUND_FROM_CELLS = 116
"""From so many cells of the ribbon on it has the count of the findings, and not this line."""
FOUND_CELLS = 14
WHY_CELLS_MIN = 20
"""A shorter piece of a sentence says nothing."""
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
    """Which machine: as much of it as there is room for."""
    if width < IMAGE_FROM_CELLS:
        return line(" ")
    count = f"{len(view.cpus):,} CPU" + ("s" if len(view.cpus) != 1 else "")
    narrow = [] if is_past(view) else [view.platform]
    words = [view.platform, count] if width >= WIDE_FROM_CELLS else narrow
    name = " apdbg  " if width >= WIDE_FROM_CELLS else " "
    return line(
        (name, "title"),
        (view.image, "strong"),
        ("".join(f" · {word}" for word in words) + "   ", "dim"),
    )


def _moment(view: MachineView, width: int) -> Line:
    """When: the machine's time and its tick; behind the end of what is known, how far."""
    if width < MOMENT_FROM_CELLS:
        return ()
    end = view.timeline.end
    past = is_past(view)
    time = f"{clock(view.virtual_ns)}   " if width >= WIDE_FROM_CELLS else ""
    seed = f"seed {view.seed}   " if view.seed and width >= WIDE_FROM_CELLS else ""
    far = f" / {end:,}" if past and width >= IMAGE_FROM_CELLS else ""
    return line((seed, "dim"), (time, "number"), ("tick ", "dim"),
                (f"{view.tick:,}", "strong"), (far, "dim"),
                ("   ◀ PAST" if past else "", "warn"), " ")  # fmt: skip


def is_past(view: MachineView) -> bool:
    """Whether more is known than has happened at the moment that is shown."""
    return not view.running and view.tick < view.timeline.end


def render(view: MachineView, window: Window) -> Page:
    """One line: which machine at the left, when at the right, and why it stands still between
    them; a narrow window leaves out what is known, never what state it is in."""
    word, role = state(view)
    width, when = window.width, _moment(view, window.width)
    told = () if width >= FOUND_FROM_CELLS + 2 else found(view)
    words: list[Span] = [(word, role)] if word != "PAST" or not when else []
    words += [("  " if words and told else "", "plain"), *told]
    head = line(*_machine(view, width), *words)
    room = width - len(plain(when)) - len(plain(head)) - 2 * bool(when)
    left = line(*head, ("  " if any(text for text, _ in words) else ""), _why(view, room - 2))
    space = " " * max(width - len(plain(left)) - len(plain(when)), 0)
    return Page((fit((*left, (space, "plain"), *when), width),))


def _why(view: MachineView, room: int) -> str:
    """The reason in so many cells; that it is said elsewhere, where they are too few for it."""
    why = reason(view)
    return why if len(why) <= room else cut(why, room) if room >= WHY_CELLS_MIN else MORE


def found(view: MachineView) -> tuple[Span, ...]:
    """How many rules were broken; silent while none is."""
    count = len(view.findings.rows)
    if not count:
        return ()
    role: Role = "bad" if view.findings.errors else "warn" if view.findings.counting else "dim"
    return ((f"✗ {count:,} finding" + ("s" if count > 1 else ""), role),)


def hides_reason(view: MachineView, width: int) -> bool:
    """Whether the sentence does not fit on the line, so that it must be said elsewhere."""
    return MORE in plain(render(view, Window(width, 1)).lines[0])


PANEL = Panel("status", "Status", render, home="own")
