"""Where panels stand: the layout for a size, and the keys that move panels about."""

from textual.widgets import Static

from tui import layout
from tui.desk import Desk


class Arranging:
    """Gives every panel its place."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def fit(self, width: int, height: int) -> None:
        """Give every panel its place in a terminal of this size."""
        desk, screen = self._desk, self._desk.frames.screen
        desk.width = width
        fits = layout.fits(width, height)
        screen.set_class(not fits, "-small")
        if not fits:
            screen.query_one("#small", Static).update(layout.too_small(width, height))
        desk.strip.settle(height)
        stage = max(height - layout.BARS - desk.strip.rows(height), 1)
        desk.frames.settle(width, stage, len(desk.seen.cpus))
        desk.show()

    def show_panel(self, panel_id: str, *, focus: bool = True) -> None:
        """Turn to a panel; a zoomed one that is in the way fills the screen no longer."""
        if self._desk.frames.unzoom_for(panel_id):
            self.again()
        self._desk.frames.turn_to(panel_id, focus=focus)

    def turn(self, step: int) -> None:
        """Show another tab of the frame, or go along a strip."""
        frame = self._desk.frames.current
        if frame.chrome == "bare":
            frame.move_along(step)
        else:
            frame.turn_to(frame.at + step)

    def zoom(self) -> None:
        """Let the frame fill the screen, and back."""
        self._desk.frames.zoom()
        self.again()

    def close(self) -> None:
        """Close the panel in focus."""
        self._done(self._desk.frames.close())

    def move(self) -> None:
        """Move the panel in focus to the next place."""
        panel = self._desk.frames.current.panel
        self._done(self._desk.frames.move(), panel.id)

    def swap(self) -> None:
        """Swap the panel in focus with that of the next place."""
        panel = self._desk.frames.current.panel
        self._done(self._desk.frames.swap(), panel.id)

    def reset(self) -> None:
        """All panels where they were at first."""
        self._desk.frames.moves.clear()
        self._done("")

    def again(self) -> None:
        """The same anew, since something else has more or fewer rows now."""
        self.fit(*self._desk.app.size)

    def _done(self, trouble: str, panel_id: str = "") -> None:
        """The new layout, with this panel in focus; or why there is none."""
        if trouble:
            self._desk.say(f"! {trouble}", "bad")
            return
        self.again()
        if panel_id:
            self._desk.frames.turn_to(panel_id)
        self._desk.show()
