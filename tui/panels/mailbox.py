"""The wake-up mailbox decoded, and how far each AP is in its protocol."""

from collections import Counter
from typing import Final

from msgspec import Struct

from emu.picture.view import ApProgress, MachineView, MailboxView
from tui.panels.base import (
    Page,
    Panel,
    Spot,
    Window,
    joined,
    moment,
    span_words,
    top_of,
)
from tui.panels.empty import teaching
from tui.text import Line, Role, address, clock, line, pad, right

CHAIN: Final = ("parked", "woken", "acked", "online")
"""The steps of a wake-up in their order (ACPI 6.6, 5.2.12.19)."""
_ROLES: Final[dict[str, Role]] = {
    "parked": "warn", "woken": "busy", "acked": "busy", "arrived": "busy", "online": "good",
    "left": "bad", "gave-up": "bad",
}  # fmt: skip
_STEP_CELLS: Final = 8
_CHAIN_CELLS: Final = 31
_TIME_CELLS: Final = 11
ROOMY_FROM_ROWS: Final = 7
"""A lower window gives its rows to the APs."""
CHAIN_FROM_CELLS: Final = 92
TIME_FROM_CELLS: Final = 60
ROOM_FROM_CELLS: Final = 40
HISTORY_TICK_CELLS: Final = 11
AP_ROWS_MIN: Final = 8
"""So many APs are shown before there is room for the history of one."""
_DOING: Final = {
    "parked": "{} reaches the mailbox loop", "woken": "{} stores its id and Wakeup",
    "acked": "{} clears the command", "arrived": "{} is at the vector",
    "online": "{} runs the OS's code", "left": "{} came back through the reset vector",
    "gave-up": "{} came to where the code gives up",
}  # fmt: skip
_WHY: Final = "No mailbox is known yet."
_TEACHES: Final = (
    "The guest has set none up, or starts its APs in another way. The page through which the "
    "OS wakes APs comes here: its command, id and vector, and how far each AP is, from parked "
    "to online. `c` runs the boot; `:until parked` stops when the first AP waits there."
)


def _decoded(box: MailboxView, width: int) -> Line:
    """The head of the page in a line: names, and numbers where nothing has a name."""
    labels = width >= ROOM_FROM_CELLS
    vector = box.vector_symbol or ("no vector" if box.vector == 0 else address(box.vector))
    odd = f"  reserved {box.reserved:x}" if box.reserved else ""
    return line(
        ("command " if labels else "", "dim"), (box.command_name, "strong"), ("  id ", "dim"),
        (str(box.apic_id), "strong"), ("  vector " if labels and box.vector else "  ", "dim"),
        (vector, "name" if box.vector else "dim"), (odd, "warn"),
    )  # fmt: skip


def _pipeline(box: MailboxView, width: int) -> Line:
    """How many APs stand at each step: `parked 1 ▸ woken 1 ▸ acked 0 ▸ online 1`; a narrow
    window shows only the steps where one is."""
    found = Counter(ap.step for ap in box.aps)
    spans: list[tuple[str, Role]] = []
    steps = [step for step in CHAIN if found[step] or width >= ROOM_FROM_CELLS]
    for index, step in enumerate(steps):
        spans.append((" ▸ " if index else "", "dim"))
        spans.append((f"{step} {found[step]:,}", _ROLES[step] if found[step] else "dim"))
    others = [name for name in found if name not in CHAIN]
    spans += [(f"   {name} {found[name]:,}", _ROLES.get(name, "dim")) for name in others]
    return line(*spans)


def _chain(step: str) -> str:
    """`parked ▸ WOKEN`: the steps behind an AP, and the one it is at in capitals."""
    if step not in CHAIN:
        return step.upper()
    return " ▸ ".join((*CHAIN[: CHAIN.index(step)], step.upper()))


class _Columns(Struct, frozen=True):
    """Cells per column of the APs' rows; a step's column holds the whole chain or one word."""

    id: int
    step: int
    time: int
    gap: int


def _columns(view: MachineView, width: int) -> _Columns:
    digits = len(str(len(view.cpus) - 1))
    if width < ROOM_FROM_CELLS:
        return _Columns(digits, _STEP_CELLS, 0, 1)
    step = _CHAIN_CELLS if width >= CHAIN_FROM_CELLS else _STEP_CELLS
    time, gap = (_TIME_CELLS, 2) if width >= TIME_FROM_CELLS else (0, 1)
    return _Columns(max(digits, 2), step, time, gap)


def _ap(ap: ApProgress, columns: _Columns, focused: bool) -> Line:
    gap = " " * columns.gap
    chain = _chain(ap.step) if columns.step == _CHAIN_CELLS else ap.step.upper()
    time = clock(ap.virtual_ns) if ap.virtual_ns else "-"
    return line(
        ("▸ " if focused else "  ", "here"),
        (right(str(ap.cpu), columns.id) + gap, "strong" if focused else "plain"),
        (pad(chain, columns.step) + gap, _ROLES.get(ap.step, "dim")),
        (right(time, columns.time) + gap if columns.time else "", "number"),
        (ap.next or "-", "bad" if ap.stuck else "plain" if ap.next else "dim"),
    )


def _history(view: MachineView, box: MailboxView, rows: int) -> list[Line]:
    """The newest steps of the selected AP: when, and by whose doing."""
    ap = next((ap for ap in box.aps if ap.cpu == view.focus), None)
    if ap is None or not ap.history:
        return []
    shown = ap.history[max(len(ap.history) - rows + 1, 0) :] if rows > 1 else ()
    found = [line((f"cpu {ap.cpu} so far", "dim"))] if shown else []
    for step in shown:
        who = "the host" if step.by is None else f"cpu {step.by}"
        found.append(line(
            (right(f"{step.tick:,}", HISTORY_TICK_CELLS) + "  ", "dim"),
            (pad(step.step, _STEP_CELLS) + "  ", _ROLES.get(step.step, "plain")),
            (_DOING[step.step].format(who), "plain"),
        ))  # fmt: skip
    return found


def _heading(columns: _Columns) -> Line:
    gap = " " * columns.gap
    time = right("since", columns.time) + gap if columns.time else ""
    words = "  " + right("#", columns.id) + gap + pad("step", columns.step) + gap + time
    return line((words + "next", "dim"))


def render(view: MachineView, window: Window) -> Page:
    """The decoded page stays at the top; the APs scroll below it."""
    box = view.mailbox
    if box is None:
        return teaching(_WHY, _TEACHES, window)
    roomy = window.height >= ROOMY_FROM_ROWS
    columns = _columns(view, window.width)
    head = [_decoded(box, window.width)]
    if roomy or len(head) + len(box.aps) > window.height:
        head.append(_pipeline(box, window.width))
    if roomy:
        head.append(_heading(columns))
    rows = max(window.height - len(head), 0)
    history = _history(view, box, max(rows - min(len(box.aps), AP_ROWS_MIN), 0))
    rows -= len(history)
    at = next((i for i, ap in enumerate(box.aps) if ap.cpu == view.focus), None)
    top = top_of(window, rows, len(box.aps), at)
    shown = box.aps[top : top + rows]
    lines = [*head[: window.height], *(_ap(ap, columns, ap.cpu == view.focus) for ap in shown)]
    first = len(head[: window.height])
    lines += [()] if history and rows > len(shown) else []
    lines += history
    spots = [Spot(first + row, f"c{ap.cpu}", f"cpu {ap.cpu}") for row, ap in enumerate(shown)]
    steps = next((ap.history for ap in box.aps if ap.cpu == view.focus), ())
    spots += [
        Spot(len(lines) - len(history) + 1 + row, f"h{row}", moment(step.tick, step.by))
        for row, step in enumerate(steps[len(steps) - max(len(history) - 1, 0) :])
    ]
    place = joined(f"gpa {address(box.gpa)}", box.page_state)
    if window.width < ROOM_FROM_CELLS:
        place = joined(address(box.gpa), box.page_state)
    return Page(
        lines=tuple(lines),
        detail=joined(place, span_words(top, rows, len(box.aps))),
        top=top, rows=rows, total=len(box.aps), anchor=(top, 0),
        spots=tuple(spots),
    )  # fmt: skip


PANEL = Panel("mailbox", "Mailbox", render, home="own", follows=True, words=("mailbox",))
