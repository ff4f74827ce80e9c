"""The two logs, of what happened and of what left the guest: only rows in sight are read."""

from emu.picture.log_views import LogRow, LogView
from emu.picture.view import MachineView
from tui.panels.base import (
    Page,
    Panel,
    Spot,
    Window,
    joined,
    moment,
    notice,
    span_words,
    top_of,
)
from tui.panels.empty import teaching
from tui.text import Line, Role, line, pad, right

_EVENTS = (
    "What happens comes here, a row each: milestones of the boot, stores to the mailbox, "
    "faults, lines on the serial port. `c` runs the boot, `s` steps; `Enter` on a row goes "
    "back to its moment."
)
_EXITS = (
    "What leaves the guest comes here, a row each, with its answer: hypercalls, TDCALLs, MSRs, "
    "CPUID, ports. `c` runs the boot, `:catch exit` stops at the next one."
)
KIND_FROM_CELLS = 100
CLOCK_FROM_CELLS = 120
COUNTS_FROM_ROWS = 5
"""A lower window has no row for the exits' counts."""
_ROLES: dict[str, Role] = {
    "milestone": "good", "mailbox": "warn", "exit": "dim", "state": "busy", "fault": "bad",
    "inject": "bad", "serial": "plain", "log": "plain", "stop": "strong",
}  # fmt: skip


def _mark(row: LogRow) -> str:
    """Whether a row holds others, how many equal ones, and whether it is open."""
    if row.count == 1:
        return "  " if row.member else ""
    often = "" if row.line else f"{row.count:,}x "
    return ("v " if row.open else "> ") + often


def _row(event: LogRow, width: int, tick_cells: int, cpu_cells: int) -> Line:
    who = "-" if event.cpu is None else f"cpu {event.cpu}"
    kind = pad(event.kind, 9) + "  " if width >= KIND_FROM_CELLS else ""
    time = f"{event.virtual_ns / 1000:,.3f} us" if width >= CLOCK_FROM_CELLS else ""
    return line(
        (right(f"{event.tick:,}", tick_cells) + "  ", "dim"),
        (right(time, 16) + "  " if time else "", "dim"),
        (pad(who, cpu_cells) + "  ", "number"),
        (kind, _ROLES[event.kind]),
        (_mark(event), "here"),
        (event.text, "plain" if kind else _ROLES[event.kind]),
        (f"  to tick {event.last_tick:,}" if event.count > 1 else "", "dim"),
    )


def _go(row: LogRow, word: str) -> str:
    """Enter opens or closes a row that holds others, and goes to the moment of any other."""
    return f"{word} unfold {row.tick}" if row.count > 1 else moment(row.tick, row.cpu)


def _page(view: MachineView, window: Window, log: LogView, head: list[Line], word: str) -> Page:
    """The newest rows, or those that were scrolled to; they count from the first one, so that
    a scrolled window stays where it is while more arrive."""
    total, height = len(log.rows), window.height - len(head)
    top = total - height if window.top is None else top_of(window, height, total)
    top = max(top, 0)
    shown = log.rows[top : top + height]
    tick_cells = max(len(f"{view.tick:,}"), 9)
    cpu_cells = 4 + len(str(len(view.cpus) - 1))
    looked = "" if log.searched == log.total else f"{log.searched:,} searched"
    count = log.told if log.look.words else f"{log.total:,} events"
    return Page(
        lines=(*head, *(_row(event, window.width, tick_cells, cpu_cells) for event in shown)),
        detail=joined(
            count, looked, span_words(top, height, total)
        ),
        top=top, rows=height, total=total,
        spots=tuple(
            Spot(len(head) + row, f"{top + row}", _go(event, word))
            for row, event in enumerate(shown)
        ),
    )  # fmt: skip


def _empty(log: LogView | None, window: Window, comes: str) -> Page:
    """Why there is no row."""
    if log is None:
        return notice("", window)
    if not log.total:
        return teaching("Nothing has happened yet.", comes, window)
    why = f"None of {log.searched:,} is {log.look.words!r}."
    return teaching(why, "`/` looks for others, and for all with no words.", window,
                    log.look.words)  # fmt: skip


def render_events(view: MachineView, window: Window) -> Page:
    """What happened."""
    log = view.sections.log
    if log is None or not len(log.rows):
        return _empty(log, window, _EVENTS)
    return _page(view, window, log, [], "events")


def render_exits(view: MachineView, window: Window) -> Page:
    """What left the guest, below how often each kind did."""
    log = view.sections.exits
    if log is None or not len(log.rows):
        return _empty(log, window, _EXITS)
    counts = "  ".join(f"{kind} {count:,}" for kind, count in view.exit_counts)
    head = [line((counts, "dim"))] if window.height >= COUNTS_FROM_ROWS else []
    return _page(view, window, log, head, "exits")


PANEL = Panel(
    "events", "Events", render_events, needs="log", words=("events",),
    filter="events ",
)  # fmt: skip
EXITS = Panel(
    "exits", "Exits", render_exits, needs="exits", words=("exits",),
    filter="exits ",
)  # fmt: skip
