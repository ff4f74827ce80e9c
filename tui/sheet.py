"""What a frame shows of a view: the page of its panel, made anew or kept, and what changed."""

from msgspec import Struct, field

from emu.picture.view import MachineView
from tui import bugs
from tui.panels.base import Page, Panel, Window, notice
from tui.scrolled import Scrolled
from tui.tabs import Counts, counts

Size = tuple[int, int]
"""Cells of a page: columns and rows."""


class Sheet(Struct):
    """The page of one frame, and all that it was made of."""

    page: Page = field(default_factory=lambda: Page(()))
    counts: Counts = field(default_factory=dict)
    """By panel of the tabs: how many things it has."""
    as_of: str = ""
    """The moment that is shown, where the machine is elsewhere by now."""
    trouble: str = ""
    """Why a view has nothing of what the panel shows: a mistake of ours, in words."""
    cursor: str = ""
    """The key of the spot that is pointed at; empty: none is."""
    scrolled: Scrolled = field(default_factory=Scrolled)
    view: MachineView | None = None
    blocks: bool = False
    """Whether the terminal draws blocks."""
    made: tuple[str, Size] | None = None
    """The panel and the size that the page was made for; None: it must be made anew."""

    def take(self, view: MachineView, panel: Panel, size: Size, fresh: bool) -> bool:
        """Show a view; False if the page of before stays. While the machine runs, a panel that
        is not live keeps its page unless it is wanted `fresh`, and says of when it is."""
        old = view.running and not panel.live
        stays = old and not fresh and self.made == (panel.id, size)
        if not stays:
            self.view = view
        assert self.view is not None, "nothing stays that was not made"
        was, self.as_of = self.as_of, f"as of tick {self.view.tick:,}" if old else ""
        return not stays or was != self.as_of

    def make(self, tabs: tuple[str, ...], panel: Panel, size: Size) -> None:
        """The page of a panel, or why it cannot be drawn."""
        assert self.view is not None, "a page is made of a view"
        kept = self.scrolled.kept(panel)
        window = Window(*size, kept.top, kept.anchor, self.cursor, self.blocks)
        try:
            self.page = panel.render(self.view, window)
            self.counts = counts(tabs, self.view)
        except Exception as error:
            self.page = notice(f"{panel.title} cannot be shown: {bugs.told(error)}", window)
        if self.trouble:
            self.page = notice(f"{panel.title} cannot be shown: {self.trouble}", window)
        self.scrolled.anchors[panel.id] = self.page.anchor
        self.made = panel.id, size

    def changes(self, before: Page, counted: Counts) -> set[int]:
        """The rows of the page, the title being -1, that a new page of as many lines
        changes."""
        page = self.page
        rows = {i for i, new in enumerate(page.lines) if new != before.lines[i]}
        if (before.detail, counted) != (page.detail, self.counts):
            rows.add(-1)
        if self.cursor and before.spots != page.spots:
            rows |= {spot.row for spot in (*before.spots, *page.spots)}
        return rows
