"""A place on the screen that shows one panel at a time and draws only what changed."""

from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import RenderResult
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from emu.picture.view import MachineView
from tui.layout import Place, Slot
from tui.panels import BY_ID
from tui.panels.base import Anchor, Page, Panel, Spot, Window
from tui.tabs import Counts, Tabs, counts, tabs
from tui.text import cut, fit, plain
from tui.theme import PLAIN

RULE: Final = {False: "─", True: "━"}
"""The title rule without and with the focus."""
HEAVY: Final = {"┼": "┿", "┴": "┷", "┬": "┯"}
EDGE: Final = "│"
WHEEL_ROWS: Final = 3
_CURSOR: Final = Style(reverse=True)


class Frame(Widget, can_focus=True):
    """A title rule and below it a page of a panel; several panels share it as tabs.

    It is a plain line-API widget: the page holds the visible lines only, so the cost of a
    repaint depends on the window and never on how much the panel could show."""

    class Chosen(Message):
        """Something on the page was pointed at: the command that this is."""

        def __init__(self, order: str) -> None:
            super().__init__()
            self.order = order

    class MomentChosen(Message):
        """A click on a moment of the timeline."""

        def __init__(self, tick: int) -> None:
            super().__init__()
            self.tick = tick

    class Turned(Message):
        """Another panel is shown: it may need more than the view has."""

    def __init__(self, slot: Slot) -> None:
        super().__init__(id=slot)
        self.slot = slot
        self.tabs: tuple[str, ...] = ("cpus",)
        self.at = 0
        self.edge = False
        self.joints: dict[int, str] = {}
        self.page = Page(())
        self.looks = PLAIN
        self._view: MachineView | None = None
        self._before_peek = ""
        self._drawn: tuple[str, Size] | None = None
        self._tops: dict[str, int] = {}
        self._anchors: dict[str, Anchor | None] = {}
        self._cursor = ""
        self._counts: Counts = {}

    @property
    def panel(self) -> Panel:
        """The panel that is shown."""
        return BY_ID[self.tabs[self.at]]

    # -- what is shown ----------------------------------------------------------------------

    def put(self, place: Place) -> None:
        """Stand here, with these panels as tabs; the one that was shown stays if it can."""
        shown = self.tabs[self.at]
        self.tabs, self.edge, self.joints = place.panels, place.edge, dict(place.joints)
        self.at = self.tabs.index(shown) if shown in self.tabs else 0
        self._drawn = None
        self.styles.offset = (place.x, place.y)
        self.styles.width, self.styles.height = place.width, place.height
        self.refresh()

    def turn_to(self, index: int) -> None:
        """Show another of the tabs."""
        self.at = index % len(self.tabs)
        self._cursor = ""
        self._drawn = None
        self.post_message(self.Turned())

    def show(self, view: MachineView, *, moved: bool = False) -> None:
        """Draw a view; `moved`: a command has been carried out, so follow what matters."""
        if moved:
            for panel_id in [name for name in self._tops if BY_ID[name].follows]:
                del self._tops[panel_id]
        self._view = view
        if not self.size.width or not self.size.height:
            return
        same = self._drawn == (self.panel.id, self.size)
        if view.running and not self.panel.live and same:
            return
        before, counted = self.page, self._counts
        self._make_page()
        if not same or len(before.lines) != len(self.page.lines):
            self.refresh()
            return
        rows = [i + 1 for i, new in enumerate(self.page.lines) if new != before.lines[i]]
        rows += [0] if (before.detail, counted) != (self.page.detail, self._counts) else []
        if self._cursor and before.spots != self.page.spots:
            rows += [spot.row + 1 for spot in (*before.spots, *self.page.spots)]
        if rows:
            self.refresh(*(Region(0, row, self.size.width, 1) for row in set(rows)))

    def peek(self, panel_id: str) -> None:
        """Show a tab for as long as it has something to say; `unpeek` goes back."""
        if panel_id in self.tabs and self.panel.id != panel_id:
            self._before_peek = self.panel.id
            self.turn_to(self.tabs.index(panel_id))

    def unpeek(self, panel_id: str) -> None:
        """Go back to the tab from before `peek`, unless somebody has turned to another."""
        if self._before_peek in self.tabs and self.panel.id == panel_id:
            self.turn_to(self.tabs.index(self._before_peek))
        self._before_peek = ""

    def _make_page(self) -> None:
        assert self._view is not None, "a page is made of a view"
        panel = self.panel
        window = Window(
            width=max(self.size.width - self._left, 1), height=max(self.size.height - 1, 1),
            top=self._tops.get(panel.id), anchor=self._anchors.get(panel.id),
            cursor=self._cursor,
        )  # fmt: skip
        self.page = panel.render(self._view, window)
        self._anchors[panel.id] = self.page.anchor
        self._drawn = (panel.id, self.size)
        self._counts = counts(self.tabs, self._view)

    def redraw(self) -> None:
        """Draw the view that is known once more."""
        if self._view is not None and self.size.width and self.size.height:
            self._make_page()
            self.refresh()

    def on_resize(self) -> None:
        """A new size is a new page."""
        self.redraw()

    def on_focus(self) -> None:
        """The title rule shows the focus."""
        self.refresh(Region(0, 0, self.size.width, 1))

    def on_blur(self) -> None:
        """The title rule shows the focus."""
        self.refresh(Region(0, 0, self.size.width, 1))

    # -- scrolling --------------------------------------------------------------------------

    def scroll_rows(self, rows: int) -> None:
        """Scroll by hand; from then on the panel stays there until it is asked to follow."""
        if self.panel.scroll is not None and self._view is not None:
            self.post_message(self.Chosen(self.panel.scroll(self._view, rows)))
            return
        last = max(self.page.total - self.page.rows, 0)
        top = min(max(self.page.top + rows, 0), last)
        self._tops[self.panel.id] = top
        if top == last and rows > 0 and not self.panel.follows:
            self._tops.pop(self.panel.id)
            self._anchors[self.panel.id] = (top, 0)
        self.redraw()

    def follow(self) -> None:
        """Back to what matters now: the end of a log, the selected CPU."""
        self._tops.pop(self.panel.id, None)
        self._cursor = ""
        self.redraw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel scrolls the panel under it."""
        event.stop()
        self.scroll_rows(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel scrolls the panel under it."""
        event.stop()
        self.scroll_rows(-WHEEL_ROWS)

    # -- pointing ---------------------------------------------------------------------------

    @property
    def spot(self) -> Spot | None:
        """What the cursor is on."""
        return next((spot for spot in self.page.spots if spot.key == self._cursor), None)

    def move_cursor(self, step: int) -> None:
        """To the nearest spot in another row; beyond the page, scroll and try there."""
        spots, here = self.page.spots, self.spot
        if here is None:
            current = next((spot for spot in spots if spot.key == "here"), None)
            found = current or (spots[0 if step > 0 else -1] if spots else None)
        else:
            found = self._next(here, step)
        if found is None and here is not None:
            self.scroll_rows(step)
            here = self.spot
            found = None if here is None else self._next(here, step)
        if found is not None:
            self._cursor = found.key
        self.redraw()

    def _next(self, here: Spot, step: int) -> Spot | None:
        """The spot in the nearest row above or below, nearest in its column."""
        rows = [spot for spot in self.page.spots if (spot.row - here.row) * step > 0]
        if not rows:
            return None
        near = min(abs(spot.row - here.row) for spot in rows)
        same = [spot for spot in rows if abs(spot.row - here.row) == near]
        return min(same, key=lambda spot: abs(spot.start - here.start))

    def clear_cursor(self) -> bool:
        """Take the cursor away; False if there was none."""
        had, self._cursor = bool(self._cursor), ""
        if had:
            self.redraw()
        return had

    def on_click(self, event: events.Click) -> None:
        """A tab's name shows it; a spot is chosen; a column of time goes there."""
        column = event.x - self._left
        if event.y == 0:
            chosen = self._titles().at(event.x - 2)
            if chosen is not None:
                self.turn_to(self.tabs.index(chosen))
        elif 0 <= column < len(self.page.ticks):
            tick = self.page.ticks[column]
            if tick is not None:
                self.post_message(self.MomentChosen(tick))
        else:
            self._click(column, event.y - 1)

    def _click(self, column: int, row: int) -> None:
        for spot in self.page.spots:
            end = self.size.width if spot.end is None else spot.end
            if spot.row == row and spot.start <= column < end:
                self._cursor = spot.key
                self.redraw()
                if spot.go:
                    self.post_message(self.Chosen(spot.go))
                return

    # -- drawing ----------------------------------------------------------------------------

    @property
    def _left(self) -> int:
        """Cells at the left that are not the panel's."""
        return 2 if self.edge else 1

    def _titles(self) -> Tabs:
        """The names of the tabs, as many as fit beside a short detail."""
        return tabs(
            self.tabs, self.at, self.size.width - 4, len(self.page.detail), self.has_focus,
            self._counts,
        )  # fmt: skip

    def _rule(self) -> Strip:
        """The title rule: title at the left, details at the right, joints where rules meet."""
        width, heavy = self.size.width, self.has_focus
        rule = [RULE[heavy]] * width
        for column, joint in self.joints.items():
            if column < width:
                rule[column] = HEAVY[joint] if heavy else joint
        title = fit(self._titles().line, max(width - 4, 0))
        detail = cut(self.page.detail, max(width - len(plain(title)) - 7, 0))
        start = 2 + len(plain(title)) + 1
        end = width - len(detail) - (3 if detail else 0)
        look = self.looks["here" if heavy else "dim"]
        segments = [Segment(rule[0], look), Segment(" ")]
        segments += [Segment(text, self.looks[role]) for text, role in title]
        segments += [Segment(" "), Segment("".join(rule[start:end]), look)]
        if detail:
            segments += [Segment(f" {detail} ", self.looks["dim"]), Segment(rule[-1], look)]
        return Strip(segments)

    def _body(self, row: int) -> Strip:
        styled = self.page.lines[row] if row < len(self.page.lines) else ()
        room = max(self.size.width - self._left, 0)
        text = [Segment(text, self.looks[role]) for text, role in fit(styled, room)]
        strip = Strip([Segment(" "), *text]).adjust_cell_length(room + 1)
        if any(role == "here" and text.strip() for text, role in styled):
            strip = strip.apply_style(self.looks.row)
        spot = self.spot
        if spot is not None and spot.row == row:
            end = room if spot.end is None else min(spot.end, room)
            under = strip.crop(spot.start + 1, end + 1).apply_style(_CURSOR)
            strip = Strip.join((strip.crop(0, spot.start + 1), under, strip.crop(end + 1)))
        return Strip([Segment(EDGE, self.looks["dim"]), *strip]) if self.edge else strip

    def render_line(self, y: int) -> Strip:
        """One row of the frame; Textual asks for those that were marked as changed only."""
        strip = self._rule() if y == 0 else self._body(y - 1)
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def render(self) -> RenderResult:
        """Never used: `render_line` draws."""
        return ""
