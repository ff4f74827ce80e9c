"""What happened, in order: the newest event last."""

from emu.debug.view import EventView, MachineView
from tui.panels.base import Page, Panel, Window, joined, notice, span_words, top_of
from tui.text import Line, Role, line, pad, right

KIND_FROM_CELLS = 100
CLOCK_FROM_CELLS = 120
_ROLES: dict[str, Role] = {
    "milestone": "good", "mailbox": "warn", "exit": "dim", "state": "busy", "fault": "bad",
    "serial": "plain", "stop": "strong",
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


def render(view: MachineView, window: Window) -> Page:
    """The newest events, or those that were scrolled to; rows count from the first event of
    the whole log, so that a scrolled window stays where it is while events arrive."""
    total = view.event_count
    first = total - len(view.events)
    if not view.events:
        return notice("Nothing has happened yet.", window)
    rows = window.height
    top = total - rows if window.top is None else top_of(window, rows, total)
    top = max(top, first)
    shown = view.events[top - first : top - first + rows]
    tick_cells = max(len(f"{view.tick:,}"), len(f"{view.events[-1].tick:,}"), 9)
    cpu_cells = 4 + len(str(len(view.cpus) - 1))
    return Page(
        lines=tuple(_row(event, window.width, tick_cells, cpu_cells) for event in shown),
        detail=joined(f"{total:,} events", span_words(top, rows, total)),
        top=top, rows=rows, total=total,
    )  # fmt: skip


HELP = """\
The log: the tick (instructions that all CPUs together have executed), the CPU, and what
happened. The newest event is the last one.

  milestone  a CPU passed a named point of the boot
  mailbox    a field of the mailbox page changed, and where the writer was
  exit       the guest left for the VMM: hypercalls, TDCALLs, faults of the nested table
  state      a CPU started, halted, went on or was lost
  fault      what the processor reports: exceptions and shutdowns
  serial     a line on the serial port
  stop       why the machine stopped

Scroll up to read older ones; End goes back to the newest."""

PANEL = Panel("events", "Events", render, HELP)
