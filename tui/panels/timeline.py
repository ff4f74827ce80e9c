"""The known course, a lane for each CPU: where everyone was, and where on it we stand."""

from emu.picture.view import LaneView, MachineView, TimelineView
from tui.panels.base import Page, Panel, Window, joined, notice, span_words, top_of
from tui.text import Line, Role, Span, clip, line, right

_RANK = "!WMv#szhx."
"""Of the cells that share a column on screen the one that comes first here is shown."""
_ROLES: dict[str, Role] = {
    "!": "bad", "W": "warn", "M": "good", "v": "name", "#": "busy", "s": "plain",
    "z": "dim", "h": "dim", "x": "bad", ".": "dim",
}  # fmt: skip
_LEGEND = (
    "# executes  s its turn comes  z spins  h halted  v hypercall  M milestone  W mailbox"
    "  ! fault"
)
_FIXED_ROWS = 2
"""The ruler above the lanes and the legend below them."""


def columns(view: MachineView, width: int) -> tuple[int, int]:
    """Where the lanes begin, and how many columns they have, in a panel of some width."""
    first = 3 + len(str(len(view.cpus) - 1))
    return first, max(width - first - 1, 1)


def tick_at(view: MachineView, width: int, column: int) -> int | None:
    """The tick that stands at a column of the panel; None beside the lanes."""
    first, count = columns(view, width)
    if not first <= column < first + count:
        return None
    time = view.timeline
    return time.first + (time.last - time.first) * (column - first) // max(count - 1, 1)


def _column(time: TimelineView, tick: int, count: int) -> int | None:
    """The column of a tick; None outside the window."""
    if not time.first <= tick <= time.last:
        return None
    return (tick - time.first) * (count - 1) // max(time.last - time.first, 1)


def _cells(lane: LaneView, count: int) -> str:
    """The lane's cells in so many columns."""
    every = len(lane.cells)
    rows = []
    for column in range(count):
        first = column * every // count
        some = lane.cells[first : max((column + 1) * every // count, first + 1)]
        rows.append(min(some, key=_RANK.index))
    return "".join(rows)


def _lane(lane: LaneView, view: MachineView, count: int, here: int | None) -> Line:
    focus = lane.cpu == view.focus
    cells = len(str(len(view.cpus) - 1))
    head: Span = (f"{'>' if focus else ' '}{right(str(lane.cpu), cells)} ", "number")
    spans: list[Span] = [head]
    for column, letter in enumerate(_cells(lane, count)):
        role: Role = "here" if column == here else _ROLES[letter]
        shown = "|" if column == here and letter in ".zhs" else letter
        if len(spans) > 1 and spans[-1][1] == role:
            spans[-1] = spans[-1][0] + shown, role
        else:
            spans.append((shown, role))
    return line(*spans)


def _ruler(time: TimelineView, first: int, count: int) -> Line:
    """First and last tick of the window, and the marks between them."""
    row = [" "] * count
    for name, tick in time.marks:
        column = _column(time, tick, count)
        if column is not None:
            text = f"'{name}"[: count - column]
            row[column : column + len(text)] = text
    left, end = f"{time.first:,}", f"{time.last:,}"
    row[: len(left)] = left
    row[-len(end) :] = end
    return line((" " * first + "".join(row)[:count], "dim"))


def render(view: MachineView, window: Window) -> Page:
    """The lanes that fit, the focused CPU's among them."""
    time = view.timeline
    if not time.end:
        return notice("Nothing has been executed yet.", window)
    first, count = columns(view, window.width)
    legend = window.height > _FIXED_ROWS + 1
    rows = max(window.height - 1 - legend, 0)
    wanted = next((i for i, lane in enumerate(time.lanes) if lane.cpu == view.focus), 0)
    top = top_of(window, rows, len(time.lanes), wanted)
    here = _column(time, time.now, count)
    lines = [_ruler(time, first, count)]
    shown = time.lanes[top : top + rows]
    lines += [_lane(lane, view, count, here) for lane in shown]
    if legend:
        lines.append(line((clip(" " + _LEGEND, window.width), "dim")))
    past = "" if time.now >= time.end else f"here {time.now:,} of {time.end:,}"
    branch = f"{time.branch} of {time.branches} branches" if time.branches > 1 else ""
    return Page(
        lines=tuple(lines[: window.height]),
        detail=joined(branch, past, span_words(top, rows, len(time.lanes))),
        top=top, rows=rows, total=len(time.lanes),
        ticks=tuple(tick_at(view, window.width, column) for column in range(window.width)),
        cpus=(None, *(lane.cpu for lane in shown)),
    )  # fmt: skip


PANEL = Panel("timeline", "Timeline", render, home="own", short="Time")
