"""Numbers that are typed: a count for the command that follows, or else a CPU's number."""

from typing import TYPE_CHECKING, Final

from textual.timer import Timer

if TYPE_CHECKING:
    from tui.app import ApdbgApp

NUMBER_SECONDS: Final = 0.6
"""A number that no command follows selects a CPU after this long."""
NUMBER_DIGITS_MAX: Final = 9


class Counting:
    """Mixed into the app: what its digit keys do."""

    _number = ""
    _number_timer: Timer | None = None

    def action_digit(self, digit: int) -> None:
        """A number is a count for the command that follows, or else selects a CPU."""
        app: ApdbgApp = self  # type: ignore[assignment]  # only the app is one
        if len(self._number) < NUMBER_DIGITS_MAX:
            self._number += str(digit)
        if self._number_timer is not None:
            self._number_timer.stop()
        app.say(f"{self._number}   s or n: so many steps    Enter, or wait: select that cpu")
        if int(self._number) < len(app.seen.cpus):
            self._number_timer = app.set_timer(NUMBER_SECONDS, app.action_enter)

    def forget_number(self) -> str:
        """The number that was typed, which counts no longer."""
        number, self._number = self._number, ""
        if self._number_timer is not None:
            self._number_timer.stop()
            self._number_timer = None
        return number
