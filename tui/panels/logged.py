"""What the guest has logged in its own memory: a row leads to the store that finished it."""

from typing import Final

from emu.picture.log_views import LogRow
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
from tui.text import Line, Role, clean, line, pad, right

_TEACHES: Final = (
    "What the guest logs in its own memory comes here, line by line, and needs no serial port: "
    "the shim's memory log. `c` runs the boot; `:catch log` stops at the next line; `Enter` on "
    "a row goes to where it was logged."
)
_LEVEL_CELLS: Final = 6
_ROLES: Final[dict[str, Role]] = {
    "emerg": "bad", "alert": "bad", "crit": "bad", "err": "bad", "error": "bad",
    "warn": "warn", "warning": "warn", "debug": "dim", "trace": "dim",
}  # fmt: skip


def render(view: MachineView, window: Window) -> Page:
    """The newest lines, or those that were scrolled to."""
    log = view.sections.logged
    if log is None:
        return notice("", window)
    if not len(log.rows):
        if not log.look.text and log.look.cpu is None:
            return teaching("The guest has logged nothing yet.", _TEACHES, window)
        why = f"No line of the log is {log.look.words!r}."
        return teaching(why, "`/` looks for others, and for all with no words.", window)
    total, height = len(log.rows), window.height
    top = total - height if window.top is None else top_of(window, height, total)
    top = max(top, 0)
    shown = log.rows[top : top + height]
    levels = any(row.level for row in shown)
    ticks, who = max(len(f"{view.tick:,}"), 9), 4 + len(str(len(view.cpus) - 1))
    return Page(
        lines=tuple(_row(row, ticks, who, levels) for row in shown),
        detail=joined(f"{log.kept:,} lines", span_words(top, height, total)),
        top=top, rows=height, total=total,
        spots=tuple(
            Spot(place, f"{top + place}", moment(row.tick, row.cpu))
            for place, row in enumerate(shown)
        ),
    )  # fmt: skip


def _row(row: LogRow, tick_cells: int, cpu_cells: int, levels: bool) -> Line:
    who = "-" if row.cpu is None else f"cpu {row.cpu}"
    text = row.text.removeprefix(f"[{row.level.upper()}] ") if row.level else row.text
    role = _ROLES.get(row.level, "plain")
    often = f"  {row.count:,} times" if row.count > 1 else ""
    return line(
        (right(f"{row.tick:,}", tick_cells) + "  ", "dim"),
        (pad(who, cpu_cells) + "  ", "number"),
        (pad(row.level, _LEVEL_CELLS) + " " if levels else "", role),
        (clean(text), role),
        (often, "dim"),
    )


PANEL = Panel("log", "Log", render, needs="logged", words=("log",), filter="log ")
