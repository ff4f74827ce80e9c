"""A number that is typed: a count for the command that follows, or else a CPU's number."""

from typing import Final

from textual.timer import Timer

DIGITS_MAX: Final = 9


class TypedNumber:
    """The digits up to now; whoever carries something out takes them."""

    def __init__(self) -> None:
        self.digits = ""
        self._timer: Timer | None = None

    def add(self, digit: int) -> None:
        """One more was typed; what was to happen without it does not."""
        if len(self.digits) < DIGITS_MAX:
            self.digits += str(digit)
        self._stop()

    def unless(self, timer: Timer) -> None:
        """This timer runs out unless another key comes before."""
        self._timer = timer

    def take(self) -> str:
        """The number, which counts no longer; empty if none was typed."""
        digits, self.digits = self.digits, ""
        self._stop()
        return digits

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
