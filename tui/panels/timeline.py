"""The known course, a lane for each CPU: where everyone was, and where on it we stand."""

from typing import Final

from emu.picture.view import LaneView, MachineView, TimelineView
from tui.panels.base import Page, Panel, Window, joined, span_words, top_of
from tui.panels.empty import teaching
from tui.panels.time_axis import Axis, Column, axis, told
from tui.text import Line, Role, Span, line, right

_WHY = "Nothing has been executed yet."
_TEACHES = (
    "A lane for each CPU comes here: where it ran and where it waited, its milestones and its "
    "mailbox writes. `c` runs the boot, `s` steps; a click then goes back there, and nothing "
    "that was is lost."
)
_RANK = "!WMv#szhx."
"""Of the cells that share a column on screen the one that comes first here is shown."""
_ROLES: Final[dict[str, Role]] = {
    "!": "bad", "W": "warn", "M": "good", "v": "name", "#": "busy", "s": "plain",
    "z": "dim", "h": "dim", "x": "bad", ".": "dim",
}  # fmt: skip
_BLOCKS: Final = {"s": "\u2591", "z": "\u2581", "h": "\u2500", ".": " ", "x": "\u00d7"}
"""What stands for a letter where a terminal has more than letters."""
_SHARES: Final = "\u2582\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
"""By eighths of a column that a CPU executed, from one on; the lowest block waits."""
_DASH: Final = {False: "-", True: "\u2504"}
"""Of a fold, without blocks and with them."""
_RAN: Final = {False: "=", True: "\u2501"}
"""Of a fold in which the CPU executed."""
_HERE: Final = {False: "|", True: "\u2502"}
_WORDS: Final = (
    ("#", "runs"), ("z", "waits"), ("M", "milestone"), ("W", "mailbox"), ("!", "fault"),
    ("-", "folded"), ("s", "its turn"), ("v", "call"), ("h", "halted"), ("x", "shut down"),
)  # fmt: skip
_FIXED_ROWS = 2
"""The ruler above the lanes and the legend below them."""


def columns(view: MachineView, width: int) -> tuple[int, int]:
    """Where the lanes begin, and how many columns they have, in a panel of some width."""
    first = 3 + len(str(len(view.cpus) - 1))
    return first, max(width - first - 1, 1)


def _cell(lane: LaneView, column: Column, blocks: bool) -> tuple[str, str]:
    """The letter of a column, and how it is shown."""
    every = lane.cells[column.cells.start : column.cells.stop]
    letter = min(every, key=_RANK.index)
    if column.fold is not None:
        return letter, (_RAN if letter == "#" else _DASH)[blocks]
    if not blocks:
        return letter, letter
    if letter == "#":
        some = lane.parts[column.cells.start : column.cells.stop]
        return letter, _SHARES[max(-(-sum(some) // len(some)), 1) - 1]
    return letter, _BLOCKS.get(letter, letter)


def _lane(
    lane: LaneView, view: MachineView, drawn: Axis, here: int | None, blocks: bool
) -> Line:
    focus = lane.cpu == view.focus
    cells = len(str(len(view.cpus) - 1))
    head: Span = (f"{'>' if focus else ' '}{right(str(lane.cpu), cells)} ", "number")
    spans: list[Span] = [head]
    for column, one in enumerate(drawn.columns):
        letter, shown = _cell(lane, one, blocks)
        role: Role = "here" if column == here else _ROLES[letter]
        shown = _HERE[blocks] if column == here and letter in ".zhs" else shown
        if len(spans) > 1 and spans[-1][1] == role:
            spans[-1] = spans[-1][0] + shown, role
        else:
            spans.append((shown, role))
    return line(*spans)


def _ruler(view: MachineView, drawn: Axis, first: int) -> Line:
    """First and last tick of the window, how long the folds are, and the marks."""
    time, count = view.timeline, len(drawn.columns)
    row = [" "] * count
    for number, (_, ns) in enumerate(time.folds):
        of = [at for at, one in enumerate(drawn.columns) if one.fold == number]
        if of and len(told(ns)) < len(of):
            text = told(ns).center(len(of))
            row[of[0] : of[-1] + 1] = text
    for name, tick in time.marks:
        column = drawn.column_of(tick)
        if column is not None:
            text = f"'{name}"[: count - column]
            row[column : column + len(text)] = text
    _put(row, 0, f"{time.first:,}")
    end = f"{time.last:,}"
    _put(row, count - len(end), end)
    return line((" " * first + "".join(row), "dim"))


def _put(row: list[str], at: int, text: str) -> None:
    """A text into a row, if there is room, with air around it."""
    at = max(at, 0)
    around = row[max(at - 1, 0) : at + len(text) + 1]
    if at + len(text) <= len(row) and not "".join(around).strip():
        row[at : at + len(text)] = text


def legend(time: TimelineView, width: int, blocks: bool) -> str:
    """What the signs that are there mean, as many of them as fit."""
    there = {letter for lane in time.lanes for letter in lane.cells}
    there |= {"-"} if time.folds else set()
    signs = {**_BLOCKS, "#": _SHARES[-1], "-": _DASH[True]} if blocks else {}
    found = ""
    for sign, word in _WORDS:
        more = f" {signs.get(sign, sign)} {word} "
        if sign in there and len(found) + len(more) - 1 <= width:
            found += more
    return found.rstrip()


def render(view: MachineView, window: Window) -> Page:
    """The lanes that fit, the focused CPU's among them."""
    time = view.timeline
    if not time.end:
        return teaching(_WHY, _TEACHES, window)
    first, count = columns(view, window.width)
    drawn = axis(time, count)
    below = window.height > _FIXED_ROWS + 1
    rows = max(window.height - 1 - below, 0)
    wanted = next((i for i, lane in enumerate(time.lanes) if lane.cpu == view.focus), 0)
    top = top_of(window, rows, len(time.lanes), wanted)
    here = drawn.column_of(time.now)
    lines = [_ruler(view, drawn, first)]
    shown = time.lanes[top : top + rows]
    lines += [_lane(lane, view, drawn, here, window.blocks) for lane in shown]
    if below:
        lines.append(line((legend(time, window.width, window.blocks), "dim")))
    return Page(
        lines=tuple(lines[: window.height]),
        detail=joined(_told(view), span_words(top, rows, len(time.lanes))),
        top=top, rows=rows, total=len(time.lanes),
        ticks=((None,) * first + drawn.ticks + (None,) * window.width)[: window.width],
        cpus=(None, *(lane.cpu for lane in shown)),
    )  # fmt: skip


def _told(view: MachineView) -> str:
    """The branch, where on it we stand, and how much time is folded."""
    time = view.timeline
    past = "" if time.now >= time.end else f"here {time.now:,} of {time.end:,}"
    branch = f"{time.branch} of {time.branches} branches" if time.branches > 1 else ""
    folded = sum(ns for _, ns in time.folds)
    return joined(branch, past, f"{told(folded)} folded" if folded else "")


PANEL = Panel("timeline", "Timeline", render, home="own", short="Time")
