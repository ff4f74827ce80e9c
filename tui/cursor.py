"""The cursor inside of panels: where the keys move it, and what they do with what it is on."""

from typing import Final

from tui.desk import Desk
from tui.dialogs import Dialogs
from tui.frame import Frame
from tui.orders import Orders
from tui.panels.base import Spot

_NEXT_LINES: Final = {"both": "asm", "asm": "source", "source": "both"}
"""What the code panel shows after `o`, by what it shows before."""


class Cursor:
    """Acts on the panel in focus."""

    def __init__(self, desk: Desk, orders: Orders, dialogs: Dialogs) -> None:
        self._desk = desk
        self._orders = orders
        self._dialogs = dialogs

    @property
    def _frame(self) -> Frame:
        return self._desk.frames.current

    def scroll(self, rows: int) -> None:
        """Point at another row, select a CPU where the panel lists them, or scroll."""
        frame = self._frame
        if frame.panel.selects_cpu:
            self._select_row(rows)
        elif frame.page.spots:
            frame.move_cursor(rows)
        else:
            frame.scroll_rows(rows)

    def _select_row(self, rows: int) -> None:
        """The CPU of another row, or the cursor on a row of many."""
        frame = self._frame
        spot = frame.beside(f"c{self._desk.seen.focus}", rows)
        word, _, cpu = ("", "", "") if spot is None else spot.go.partition(" ")
        if word == "cpu":
            frame.clear_cursor()
            self._orders.select_cpu(int(cpu))
        elif spot is not None:
            frame.point_at(spot)

    def page(self, pages: int) -> None:
        """Scroll by what is visible, less one row."""
        self._frame.scroll_rows(pages * max(self._frame.page.rows - 1, 1))

    def home(self) -> None:
        """Scroll to the first row."""
        self._frame.scroll_rows(-self._frame.page.total)

    def end(self) -> None:
        """Back to what matters now."""
        self._frame.follow()

    def enter(self) -> None:
        """Select the CPU whose number was typed, go to what the cursor is on, or repeat."""
        if self._desk.number.digits:
            self._orders.select_typed()
        elif self._frame.spot is not None:
            self._follow(self._frame.spot)
        else:
            self._orders.repeat()

    def _follow(self, spot: Spot) -> None:
        if spot.go:
            self._orders.go(spot.go)
        else:
            self._desk.say(spot.why or "there is nothing to go to here; e edits", "dim")

    def edit(self) -> None:
        """Begin a command that changes what the cursor points at."""
        spot = self._frame.spot
        if spot is None:
            self._desk.say("point at something first, with the arrow keys", "dim")
        elif spot.edit:
            self._dialogs.ask(spot.edit)
        else:
            self._desk.say("this cannot be changed", "dim")

    def toggle_break(self) -> None:
        """Set or remove a breakpoint at the cursor, or else where the CPU is."""
        frame, seen = self._frame, self._desk.seen
        spot = frame.spot if frame.panel.id == "code" else None
        if spot is not None and spot.stop:
            self._orders.order(spot.stop)
            return
        cpu = seen.cpus[seen.focus]
        there = [one for one in seen.breakpoints if one.address == cpu.rip and cpu.rip]
        if there:
            self._orders.order(f"delete {there[0].number}")
        elif seen.code:
            self._orders.order(f"break {cpu.rip:#x}")
        else:
            self._dialogs.ask("break ")

    def filter(self) -> None:
        """Begin the command that searches the panel."""
        panel = self._frame.panel
        if panel.filter:
            self._dialogs.ask(panel.filter)
        else:
            self._desk.say(f"there is nothing to search in {panel.title}", "dim")

    def lines(self) -> None:
        """Show the panel another way: of code source and instructions, or one of them."""
        other = self._frame.panel.other
        if other is not None:
            self._orders.order(other(self._desk.seen))
            return
        self._orders.order(f"list {_NEXT_LINES[self._desk.seen.code_look.lines]}")
