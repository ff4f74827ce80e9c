"""The keys that point, search, edit and arrange: each becomes a command, or moves a panel."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tui.app import ApdbgApp

_LINES: Final = {"both": "asm", "asm": "source", "source": "both"}


class Pointing:
    """Mixed into the app: the cursor inside of panels, and where panels stand."""

    @property
    def _us(self) -> "ApdbgApp":
        return self  # type: ignore[return-value]  # only the app is one

    # -- the cursor -------------------------------------------------------------------------

    def action_scroll(self, rows: int) -> None:
        """Point at another row, select a CPU where the panel lists them, or scroll."""
        frame = self._us.stage.frame
        if frame.panel.selects_cpu:
            self._select_row(rows)
        elif frame.page.spots:
            frame.move_cursor(rows)
        else:
            frame.scroll_rows(rows)

    def _select_row(self, rows: int) -> None:
        """The CPU of another row of the list; beyond it, the next one by number."""
        app, page = self._us, self._us.stage.frame.page
        keys = [spot.go.removeprefix("cpu ") for spot in page.spots]
        here = str(app.seen.focus)
        place = keys.index(here) + rows if here in keys else -1
        if 0 <= place < len(keys):
            app.select_cpu(int(keys[place]))
        else:
            last = len(app.seen.cpus) - 1
            app.select_cpu(min(max(app.seen.focus + rows, 0), last))

    def action_page(self, pages: int) -> None:
        """Scroll by what is visible, less one row."""
        frame = self._us.stage.frame
        frame.scroll_rows(pages * max(frame.page.rows - 1, 1))

    def action_home(self) -> None:
        """Scroll to the first row."""
        self._us.stage.frame.scroll_rows(-self._us.stage.frame.page.total)

    def action_end(self) -> None:
        """Back to what matters now."""
        self._us.stage.frame.follow()

    def follow_cursor(self) -> bool:
        """Do what the cursor points at; False if there is no cursor."""
        spot = self._us.stage.frame.spot
        if spot is None:
            return False
        if spot.go:
            self._us.order(spot.go)
        else:
            self._us.say("there is nothing to go to here; e edits", "dim")
        return True

    def action_edit(self) -> None:
        """Begin a command that changes what the cursor points at."""
        spot = self._us.stage.frame.spot
        if spot is None:
            self._us.say("point at something first, with the arrow keys", "dim")
        elif spot.edit:
            self._us.action_ask(spot.edit)
        else:
            self._us.say("this cannot be changed", "dim")

    def action_toggle_break(self) -> None:
        """Set or remove a breakpoint at the cursor, or else where the CPU is."""
        app = self._us
        frame = app.stage.frame
        spot = frame.spot if frame.panel.id == "code" else None
        if spot is not None and spot.stop:
            app.order(spot.stop)
            return
        cpu = app.seen.cpus[app.seen.focus]
        there = [one for one in app.seen.breakpoints if one.address == cpu.rip and cpu.rip]
        if there:
            app.order(f"delete {there[0].number}")
        elif app.seen.code:
            app.order(f"break {cpu.rip:#x}")
        else:
            app.action_ask("break ")

    def action_filter(self) -> None:
        """Begin the command that searches the panel."""
        panel = self._us.stage.frame.panel
        if panel.filter:
            self._us.action_ask(panel.filter)
        else:
            self._us.say(f"there is nothing to search in {panel.title}", "dim")

    def action_lines(self) -> None:
        """Source and instructions, instructions alone, source alone."""
        self._us.order(f"list {_LINES[self._us.seen.code_look.lines]}")

    # -- the schedule -----------------------------------------------------------------------

    def action_hold(self) -> None:
        """Hold the selected CPU still, or release it."""
        view = self._us.seen
        word = "release" if view.focus in view.held else "hold"
        if self._us.order(f"{word} {view.focus}"):
            told = (
                "runs again with the others" if word == "release" else "is held: H releases it"
            )
            self._us.say(f"cpu {view.focus} {told}")

    def action_first(self) -> None:
        """Let the selected CPU be the next to run."""
        focus = self._us.seen.focus
        if self._us.order(f"schedule first {focus}"):
            self._us.say(f"cpu {focus} has the next slice: c runs")

    # -- where panels stand -----------------------------------------------------------------

    def action_close_panel(self) -> None:
        """Close the panel in focus."""
        self._rearranged(self._us.stage.close())

    def action_move_panel(self) -> None:
        """Move the panel in focus to the next place."""
        panel = self._us.stage.frame.panel
        self._rearranged(self._us.stage.move(), panel.id)

    def action_swap_panels(self) -> None:
        """Swap the panel in focus with that of the next place."""
        panel = self._us.stage.frame.panel
        self._rearranged(self._us.stage.swap(), panel.id)

    def action_reset_panels(self) -> None:
        """All panels where they were at first."""
        self._us.stage.moves.clear()
        self._rearranged("")

    def _rearranged(self, trouble: str, panel_id: str = "") -> None:
        app = self._us
        if trouble:
            app.say(f"! {trouble}", "bad")
            return
        app.arrange(*app.size)
        if panel_id:
            app.stage.turn_to(panel_id)
        app.show()
