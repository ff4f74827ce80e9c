"""A bare Textual app with as many widgets as apdbg's screen: each key changes a row of each."""

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

WIDGETS = 11
ROWS = 3


class Bare(App[None]):
    """The least that a screen of so many widgets can do for a key."""

    BINDINGS: ClassVar[list[BindingType]] = [("s", "step", "step"), ("q", "quit", "quit")]
    CSS = "Static { height: 3; }"
    count = 0

    def compose(self) -> ComposeResult:
        """One below the other."""
        for index in range(WIDGETS):
            yield Static("ready" if index == 0 else "-", id=f"w{index}")

    def action_step(self) -> None:
        """Another text in every widget."""
        self.count += 1
        for index in range(WIDGETS):
            text = f"{self.count:,} " + "x" * 100
            self.query_one(f"#w{index}", Static).update("\n".join([text] * ROWS))


if __name__ == "__main__":
    Bare().run()
