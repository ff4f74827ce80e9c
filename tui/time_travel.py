"""The keys of the timeline: scrub, play, zoom, click; each becomes a `goto`."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual.timer import Timer

from emu.picture.view import TimelineView
from tui.panels.timeline import columns

if TYPE_CHECKING:
    from tui.app import ApdbgApp

PLAY_SECONDS: Final = 0.1
"""From one column of time to the next while it plays."""
WINDOW_TICKS_MIN: Final = 50
"""The shortest stretch that the timeline shows."""


class TimeTravel:
    """Mixed into the app: what its timeline keys do."""

    _playing: Timer | None = None

    @property
    def _app(self) -> "ApdbgApp":
        return self  # type: ignore[return-value]  # only the app is one

    @property
    def _time(self) -> TimelineView:
        return self._app.seen.timeline

    def _go(self, tick: int) -> None:
        """Be at a tick of the known course; at its end, at the very end."""
        tick = min(max(tick, 0), self._time.end)
        session, length = self._app.session, self._time.last - self._time.first
        if session.looks.window is not None and not self._time.first <= tick <= self._time.last:
            first = max(tick - length // 2, 0)
            session.looks.window = first, first + length
        self._app.order("goto end" if tick == self._time.end else f"goto {tick}")

    def _column_ticks(self) -> int:
        """How many ticks a column stands for."""
        _, count = columns(self._app.seen, self._app.size.width)
        return max((self._time.last - self._time.first) // count, 1)

    def go_to(self, tick: int) -> None:
        """Somebody pointed at a moment."""
        if not self._app.session.running:
            self._go(tick)

    def action_scrub(self, step: int) -> None:
        """Back or on by a column."""
        self._go(self._time.now + step * self._column_ticks())

    def action_to_event(self, step: int) -> None:
        """To the event before or after this moment, whichever CPU's."""
        ticks = sorted(set(self._app.session.event_ticks()))
        now = self._time.now
        near = [t for t in ticks if (t < now if step < 0 else t > now)]
        if near:
            self._go(near[-1] if step < 0 else near[0])
        else:
            self._app.say("there is no event in that direction that is known", "dim")

    def action_window(self, factor: int) -> None:
        """Show less of the timeline around here, or more."""
        time = self._time
        length = time.last - time.first
        length = length // factor if factor > 0 else length * -factor
        if length * 10 >= time.end * 9:
            self._app.session.looks.window = None
        else:
            length = max(length, WINDOW_TICKS_MIN)
            first = min(max(time.now - length // 2, 0), max(time.end - length, 0))
            self._app.session.looks.window = first, first + length
        self._app.show(moved=True)

    def action_pan(self, step: int) -> None:
        """Show the stretch of time before or after this one, as long as it is."""
        time = self._time
        length = time.last - time.first
        if self._app.session.looks.window is None:
            self._app.say("all of the timeline is shown: + shows less of it", "dim")
            return
        first = min(max(time.first + step * length // 2, 0), max(time.end - length, 0))
        self._app.session.looks.window = first, first + length
        self._app.show(moved=True)

    def action_play(self) -> None:
        """Go on through the known course, or stop doing so; pause a running machine."""
        if self._app.session.running:
            self._app.session.pause()
        elif self._playing is not None:
            self._stop_playing()
        elif self._time.now >= self._time.end:
            self._app.say("this is the end of what is known: c runs on", "dim")
        else:
            self._playing = self._app.set_interval(PLAY_SECONDS, self._play_on)

    def _play_on(self) -> None:
        if self._app.session.running or self._time.now >= self._time.end:
            self._stop_playing()
        else:
            self.action_scrub(1)

    def _stop_playing(self) -> None:
        if self._playing is not None:
            self._playing.stop()
            self._playing = None

    def action_picture(self) -> None:
        """Save what is on screen as an SVG picture in the current folder."""
        path = Path(f"apdbg-{self._app.seen.tick}.svg")
        try:
            path.write_text(self._app.export_screenshot(title="apdbg"), encoding="utf-8")
        except OSError as error:
            self._app.say(f"! {path}: {error.strerror}", "bad")
        else:
            self._app.say(f"{path}: the screen as it is")
