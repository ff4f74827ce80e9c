"""The two logs, of what happened and of what left the guest: only rows in sight are read."""

from emu.picture.sections import LogView
from emu.picture.view import EventView, MachineView
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
from tui.text import Line, Role, line, pad, right

KIND_FROM_CELLS = 100
CLOCK_FROM_CELLS = 120
COUNTS_FROM_ROWS = 5
"""A lower window has no row for the exits' counts."""
_ROLES: dict[str, Role] = {
    "milestone": "good", "mailbox": "warn", "exit": "dim", "state": "busy", "fault": "bad",
    "inject": "bad", "serial": "plain", "stop": "strong",
}  # fmt: skip


def _row(event: EventView, width: int, tick_cells: int, cpu_cells: int) -> Line:
    who = "-" if event.cpu is None else f"cpu {event.cpu}"
    kind = pad(event.kind, 9) + "  " if width >= KIND_FROM_CELLS else ""
    time = f"{event.virtual_ns / 1000:,.3f} us" if width >= CLOCK_FROM_CELLS else ""
    return line(
        (right(f"{event.tick:,}", tick_cells) + "  ", "dim"),
        (right(time, 16) + "  " if time else "", "dim"),
        (pad(who, cpu_cells) + "  ", "number"),
        (kind, _ROLES[event.kind]),
        (event.text, "plain" if kind else _ROLES[event.kind]),
    )


def _page(view: MachineView, window: Window, log: LogView, head: list[Line]) -> Page:
    """The newest rows, or those that were scrolled to; they count from the first one, so that
    a scrolled window stays where it is while more arrive."""
    total, height = len(log.rows), window.height - len(head)
    top = total - height if window.top is None else top_of(window, height, total)
    top = max(top, 0)
    shown = log.rows[top : top + height]
    tick_cells = max(len(f"{view.tick:,}"), 9)
    cpu_cells = 4 + len(str(len(view.cpus) - 1))
    looked = "" if log.searched == log.total else f"{log.searched:,} searched"
    count = f"{total:,} of {log.total:,}" if log.look.words else f"{total:,}"
    return Page(
        lines=(*head, *(_row(event, window.width, tick_cells, cpu_cells) for event in shown)),
        detail=joined(
            log.look.words, f"{count} events", looked, span_words(top, height, total)
        ),
        top=top, rows=height, total=total,
        spots=tuple(
            Spot(len(head) + row, f"{top + row}", moment(event.tick, event.cpu))
            for row, event in enumerate(shown)
        ),
    )  # fmt: skip


def _empty(log: LogView) -> str:
    if not log.total:
        return "Nothing has happened yet."
    return f"None of {log.searched:,} is {log.look.words!r}. / looks for others."


def render_events(view: MachineView, window: Window) -> Page:
    """What happened."""
    log = view.sections.log
    if log is None or not len(log.rows):
        words = "" if log is None else _empty(log)
        return notice(words, window, "" if log is None else log.look.words)
    return _page(view, window, log, [])


def render_exits(view: MachineView, window: Window) -> Page:
    """What left the guest, below how often each kind did."""
    log = view.sections.exits
    if log is None or not len(log.rows):
        words = "" if log is None else _empty(log)
        return notice(words, window, "" if log is None else log.look.words)
    counts = "  ".join(f"{kind} {count:,}" for kind, count in view.exit_counts)
    head = [line((counts, "dim"))] if window.height >= COUNTS_FROM_ROWS else []
    return _page(view, window, log, head)


EVENTS_HELP = """\
The log: the tick (instructions that all CPUs together have executed), the CPU, and what
happened. The newest event is the last one.

  milestone  a CPU passed a named point of the boot
  mailbox    a field of the mailbox page changed, and where the writer was
  exit       a hypercall of consequence, and its answer
  state      a CPU started, halted, went on or was lost
  fault      what the processor reports: exceptions and shutdowns
  serial     a line on the serial port
  inject     something was broken on purpose, or lay in wait for its moment
  stop       why the machine stopped

  events cpu 2 mailbox    only these; any other word is looked for in the text

Scroll up to read older ones; End goes back to the newest. Arrow keys point at an event, and
Enter goes to its moment and selects its CPU. / narrows the log down."""

EXITS_HELP = """\
Everything that left the guest for the VMM, one row each, and above it how often each kind did:
hypercalls and TDCALLs with their names, MSRs with their numbers and values, CPUID leaves,
ports, page faults that the nested table refused, exceptions.

  exits cpu 0 tdcall    only these; words are looked for in the text

Arrow keys point at an exit, and Enter goes to its moment and selects its CPU. / narrows the log
down. catch exit and its kin (catch tdcall, catch wrmsr, catch exception) stop at the next."""

PANEL = Panel(
    "events", "Events", render_events, EVENTS_HELP, needs="log", words=("events",),
    filter="events ",
)  # fmt: skip
EXITS = Panel(
    "exits", "Exits", render_exits, EXITS_HELP, needs="exits", words=("exits",),
    filter="exits ",
)  # fmt: skip
