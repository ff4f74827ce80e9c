"""The keys of the timeline: scrub, play, zoom, click; each becomes a `goto`."""

from typing import Final

from textual.timer import Timer

from emu.picture.view import TimelineView
from tui.desk import Desk
from tui.orders import Orders
from tui.panels.timeline import columns

PLAY_SECONDS: Final = 0.1
"""From one column of time to the next while it plays."""
WINDOW_TICKS_MIN: Final = 50
"""The shortest stretch that the timeline shows."""


class TimelineKeys:
    """Moves in time, and the window on it."""

    def __init__(self, desk: Desk, orders: Orders) -> None:
        self._desk = desk
        self._orders = orders
        self._playing: Timer | None = None

    @property
    def _time(self) -> TimelineView:
        return self._desk.seen.timeline

    def _go(self, tick: int, cpu: int | None = None) -> None:
        """Be at a tick of the known course, and at the CPU that it belongs to; at its end, at
        the very end."""
        time, looks = self._time, self._desk.session.looks
        tick = min(max(tick, 0), time.end)
        if looks.window is not None and not time.first <= tick <= time.last:
            length = time.last - time.first
            first = max(tick - length // 2, 0)
            looks.window = first, first + length
        where = "end" if tick == time.end else f"{tick}"
        self._orders.go(f"goto {where}" if cpu is None else f"goto {where} cpu {cpu}")

    def _column_ticks(self) -> int:
        """How many ticks a column stands for."""
        desk = self._desk
        _, count = columns(desk.seen, desk.frames.width_of("timeline") or desk.width)
        return max((self._time.last - self._time.first) // max(count - 1, 1), 1)

    def go_to(self, tick: int, cpu: int | None) -> None:
        """Somebody pointed at a moment, of a CPU or of nobody."""
        self._go(tick, cpu)

    def scrub(self, step: int) -> None:
        """Back or on by a column."""
        self._go(self._time.now + step * self._column_ticks())

    def to_event(self, step: int) -> None:
        """To the event before or after this moment, whichever CPU's, and to that CPU."""
        now = self._time.now
        every = self._desk.session.event_moments()
        near = [one for one in every if (one[0] < now if step < 0 else one[0] > now)]
        if near:
            tick, cpu = near[-1 if step < 0 else 0]
            self._go(tick, cpu)
        else:
            self._desk.say("there is no event in that direction that is known", "dim")

    # -- the window -------------------------------------------------------------------------

    def window(self, factor: int) -> None:
        """Show less of the timeline around here, or more."""
        time = self._time
        length = time.last - time.first
        length = length // factor if factor > 0 else length * -factor
        if length * 10 >= time.end * 9:
            self._desk.session.looks.window = None
            self._desk.show(moved=True)
        else:
            length = max(length, WINDOW_TICKS_MIN)
            self._show_from(time.now - length // 2, length)

    def pan(self, step: int) -> None:
        """Show the stretch of time before or after this one, as long as it is."""
        time = self._time
        length = time.last - time.first
        if self._desk.session.looks.window is None:
            self._desk.say("all of the timeline is shown: + shows less of it", "dim")
        else:
            self._show_from(time.first + step * length // 2, length)

    def _show_from(self, first: int, length: int) -> None:
        """Show so many ticks from one on, or as near to it as the course has them."""
        first = min(max(first, 0), max(self._time.end - length, 0))
        self._desk.session.looks.window = first, first + length
        self._desk.show(moved=True)

    # -- playing ----------------------------------------------------------------------------

    def play(self) -> None:
        """Go on through the known course, or stop doing so; pause a running machine."""
        if self._desk.session.running:
            self._desk.session.pause()
        elif self._playing is not None:
            self._stop_playing()
        elif self._time.now >= self._time.end:
            self._desk.say("this is the end of what is known: c runs on", "dim")
        else:
            self._playing = self._desk.app.set_interval(PLAY_SECONDS, self._play_on)

    def _play_on(self) -> None:
        if self._desk.session.running or self._time.now >= self._time.end:
            self._stop_playing()
        else:
            self.scrub(1)

    def _stop_playing(self) -> None:
        if self._playing is not None:
            self._playing.stop()
            self._playing = None
