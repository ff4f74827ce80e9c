"""A place on the screen that shows one panel at a time and draws only what changed."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from rich.segment import Segment
from textual import events
from textual.app import RenderResult
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from emu.picture.view import MachineView
from tui import bugs, pointing
from tui.frame_drawing import Chrome, Drawing, Inset, inset_of
from tui.jump_row import jump_row
from tui.layout import Place, Slot
from tui.panels import BY_ID
from tui.panels.base import Page, Panel, Spot
from tui.scrolled import Kept
from tui.sheet import Sheet, Size
from tui.theme import PLAIN

WHEEL_ROWS: Final = 3
_PRESSES_THAT_ACT: Final = 2
"""So many clicks in a row act in a frame that did not have the focus."""


class Frame(Widget, can_focus=True):
    """A title and below it a page of a panel; several panels share it as tabs.

    It is a plain line-API widget: the page holds the visible lines only, so the cost of a
    repaint depends on the window and never on how much the panel could show."""

    FOCUS_ON_CLICK: ClassVar[bool] = False
    """A press gives the focus below, where it is known whether the frame had it already."""

    class Chosen(Message):
        """Something on the page was pointed at: the command that this is."""

        def __init__(self, order: str) -> None:
            super().__init__()
            self.order = order

    class Wheeled(Chosen):
        """A panel without a first and last row is scrolled by a command."""

    class MomentChosen(Message):
        """A click on a moment of the timeline, and of whom; None: nobody's."""

        def __init__(self, tick: int, cpu: int | None) -> None:
            super().__init__()
            self.tick, self.cpu = tick, cpu

    class Nowhere(Message):
        """Something was pointed at that leads nowhere, and why."""

        def __init__(self, why: str) -> None:
            super().__init__()
            self.why = why

    class Turned(Message):
        """Another panel is shown: it may need more than the view has."""

    def __init__(self, slot: Slot, *, blocks: bool) -> None:
        super().__init__(id=slot)
        self.slot = slot
        self.tabs: tuple[str, ...] = ("cpus",)
        self.at = 0
        self.chrome: Chrome = "rule"
        self.edge = False
        self.joints: dict[int, str] = {}
        self.looks = PLAIN
        self.letters: Mapping[str, str] = {}
        """By panel the letter that goes to it, while one is waited for."""
        self._sheet = Sheet(blocks=blocks)
        self._before_peek = ""
        self._lit = ""
        """The beginning of the key of the spot that is kept in sight."""
        self._acts = True
        """Whether a click acts: the frame had the focus when the button was pressed."""

    @property
    def page(self) -> Page:
        """What is shown."""
        return self._sheet.page

    @property
    def panel(self) -> Panel:
        """The panel that is shown."""
        return BY_ID[self.tabs[self.at]]

    # -- what is shown ----------------------------------------------------------------------

    def put(self, place: Place) -> None:
        """Stand here, with these panels as tabs; the one that was shown stays if it can."""
        shown = self.tabs[self.at]
        self.tabs, self.edge, self.joints = place.panels, place.edge, dict(place.joints)
        self.chrome = place.chrome
        self.at = self.tabs.index(shown) if shown in self.tabs else 0
        self._sheet.made = None
        self.styles.offset = (place.x, place.y)
        self.styles.width, self.styles.height = place.width, place.height
        self.refresh()

    def turn_to(self, index: int) -> None:
        """Show another of the tabs."""
        self.at = index % len(self.tabs)
        self._sheet.cursor = ""
        self._sheet.made = None
        self.post_message(self.Turned())

    def show(
        self, view: MachineView, trouble: str = "", *, moved: bool = False, anew: bool = False
    ) -> None:
        """Draw a view; `trouble`: why it lacks what the panel shows. `moved`: a command has
        been carried out, so follow what matters. While the machine runs, what is not live is
        drawn only then, or `anew`: else it stays as it is, dim, and says of when it is."""
        sheet, panel = self._sheet, self.panel
        sheet.trouble = trouble
        if moved:
            sheet.scrolled.moved_on()
        same, was = sheet.made == (panel.id, self.room), sheet.as_of
        if not sheet.take(view, panel, self.room, moved or anew) or not all(self.size):
            return
        before, counted = sheet.page, sheet.counts
        sheet.make(self.tabs, panel, self.room)
        if not same or was != sheet.as_of or len(before.lines) != len(self.page.lines):
            self.refresh()
        elif rows := sheet.changes(before, counted):
            self._refresh_rows(rows)

    def peek(self, panel_id: str) -> None:
        """Show a tab for as long as it has something to say; `unpeek` goes back."""
        if panel_id in self.tabs and self.panel.id != panel_id:
            self._before_peek = self.panel.id
            self.turn_to(self.tabs.index(panel_id))

    def unpeek(self, panel_id: str) -> bool:
        """Go back to the tab from before `peek`, unless somebody has turned to another; whether
        it did."""
        before, self._before_peek = self._before_peek, ""
        if before not in self.tabs or self.panel.id != panel_id:
            return False
        self.turn_to(self.tabs.index(before))
        return True

    def _refresh_rows(self, rows: Iterable[int]) -> None:
        """Draw rows of the page anew; -1 is the title's."""
        top, width = self._inset.top, self.size.width
        self.refresh(*(Region(0, top + row, width, 1) for row in rows if top + row >= 0))

    @property
    def _inset(self) -> Inset:
        """The cells that are not the panel's."""
        return inset_of(self.chrome, self.edge)

    @property
    def room(self) -> Size:
        """The cells that are the panel's."""
        (width, height), inset = self.size, self._inset
        return (
            max(width - inset.left - inset.right, 1), max(height - inset.top - inset.bottom, 1)
        )  # fmt: skip

    def redraw(self) -> None:
        """Draw the view that is known once more."""
        if self._sheet.view is not None and all(self.size):
            self._sheet.make(self.tabs, self.panel, self.room)
            self.refresh()

    def on_resize(self) -> None:
        """A new size is a new page."""
        self.redraw()
        self._point_at_lit()

    def on_focus(self) -> None:
        """What is around the page shows the focus; of a strip, its cursor."""
        if self.chrome == "bare":
            self._sheet.cursor = self.page.current
        self._show_focus()

    def on_blur(self) -> None:
        """What is around the page shows the focus; of a strip, its cursor."""
        if self.chrome == "bare":
            self._sheet.cursor = ""
        self._show_focus()

    def _show_focus(self) -> None:
        if self.chrome == "rule":
            self._refresh_rows((-1,))
        else:
            self.refresh()

    # -- scrolling --------------------------------------------------------------------------

    @property
    def scrolled(self) -> Kept:
        """Where the panel is scrolled to, for `scroll_back`."""
        return self._sheet.scrolled.kept(self.panel)

    def scroll_back(self, kept: Kept, cursor: str) -> None:
        """Be again where the panel was, with the cursor that it had."""
        self._sheet.scrolled.put(self.panel, kept)
        self._sheet.cursor = cursor
        self.redraw()

    def scroll_rows(self, rows: int) -> None:
        """Scroll by hand; from then on the panel stays there until it is asked to follow."""
        self._lit = ""
        if self.panel.scroll is not None and self._sheet.view is not None:
            self.post_message(self.Wheeled(self.panel.scroll(self._sheet.view, rows)))
            return
        self._sheet.scrolled.by(self.panel, self.page, rows)
        self.redraw()

    def begin_anew(self) -> None:
        """Another machine is shown."""
        self._lit = ""
        self._sheet = Sheet(counts=self._sheet.counts)

    def light(self, key: str) -> None:
        """Point at the first spot whose key begins so, wherever on the panel it is, also in
        another size, until somebody points or scrolls."""
        self._lit = key
        self._point_at_lit()

    def _point_at_lit(self) -> None:
        for _ in range(self.page.total + 1 if self._lit else 0):
            keys = [one.key for one in self.page.spots if one.key.startswith(self._lit)]
            if keys:
                self._sheet.cursor = keys[0]
                break
            self._sheet.scrolled.by(self.panel, self.page, max(self.page.rows, 1))
            self.redraw()
        self.refresh()

    def follow(self) -> None:
        """Back to what matters now: the end of a log, the selected CPU."""
        self._sheet.scrolled.follow(self.panel)
        self._sheet.cursor = ""
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
    def cursor(self) -> str:
        """The key of the spot that is pointed at; empty: none is."""
        return self._sheet.cursor

    @property
    def spot(self) -> Spot | None:
        """What the cursor is on."""
        return pointing.spot_of(self.page, self._sheet.cursor)

    def move_cursor(self, step: int) -> None:
        """To the nearest spot in another row; beyond the page, scroll and try there."""
        self._lit = ""
        here = self.spot
        if here is None:
            found = pointing.first(self.page.spots, step)
        else:
            found = pointing.next_to(self.page.spots, here, step)
        if found is None and here is not None:
            self.scroll_rows(step)
            here = self.spot
            found = None if here is None else pointing.next_to(self.page.spots, here, step)
        if found is not None:
            self._sheet.cursor = found.key
        self.redraw()

    def move_along(self, step: int) -> None:
        """To the spot before or after, where a page is one row."""
        spots = self.page.spots
        at = next((at for at, one in enumerate(spots) if one.key == self.cursor), None)
        if spots:
            first = 0 if step > 0 else len(spots) - 1
            self.point_at(spots[first if at is None else (at + step) % len(spots)])

    def beside(self, key: str, step: int) -> Spot | None:
        """The spot in the next row from the cursor, or else from the spot with a key; scrolls
        where there is no row more."""
        for _ in range(2):
            spots = self.page.spots
            here = self.spot or pointing.spot_of(self.page, key)
            if here is None:
                return spots[0] if spots else None
            found = pointing.next_to(spots, here, step)
            if found is not None:
                return found
            self.scroll_rows(step)
        return None

    def point_at_first(self) -> None:
        """Put the cursor on the first spot of what is in sight, if there is any."""
        for spot in self.page.spots[:1]:
            self.point_at(spot)

    def point_at(self, spot: Spot) -> None:
        """Put the cursor there."""
        self._sheet.cursor = spot.key
        self.redraw()

    def clear_cursor(self) -> bool:
        """Take the cursor away; False if there was none."""
        self._lit = ""
        had, self._sheet.cursor = bool(self._sheet.cursor), ""
        if had:
            self.redraw()
        return had

    def on_mouse_down(self) -> None:
        """A press gives the focus; only where it was already, the click acts, too. A strip is
        no place for keys: there every click acts."""
        self._acts = self.has_focus or self.chrome == "bare"
        if self.chrome == "bare":
            return
        self.screen.set_focus(self, scroll_visible=False)

    def on_click(self, event: events.Click) -> None:
        """A tab's name shows it; a spot is pointed at, and chosen if the frame had the focus;
        so is a column of time."""
        drawing = self._drawing()
        inset = drawing.inset
        column, row = event.x - inset.left, event.y - inset.top
        acts = self._acts or event.chain >= _PRESSES_THAT_ACT
        if row < 0:
            chosen = drawing.titles().at(event.x - inset.title)
            if chosen is not None:
                self.turn_to(self.tabs.index(chosen))
        elif 0 <= column < len(self.page.ticks):
            tick = self.page.ticks[column]
            if tick is not None and acts:
                cpus = self.page.cpus
                self.post_message(
                    self.MomentChosen(tick, cpus[row] if row < len(cpus) else None)
                )
        else:
            self._click(pointing.spot_at(self.page, column, row, self.size.width), acts)

    def _click(self, spot: Spot | None, acts: bool) -> None:
        if spot is None:
            return
        if self.chrome != "bare":
            self._sheet.cursor = spot.key
            self.redraw()
        if spot.go and acts:
            self.post_message(self.Chosen(spot.go))
        elif spot.why:
            self.post_message(self.Nowhere(spot.why))

    # -- drawing ----------------------------------------------------------------------------

    def _drawing(self) -> Drawing:
        """What its picture is made of now."""
        return Drawing(
            *self.size, self.chrome, self.tabs, self.at, self._sheet.counts, self.page,
            self.has_focus, self.edge, self.joints, self._sheet.as_of,
        )  # fmt: skip

    def render_line(self, y: int) -> Strip:
        """One row of the frame; Textual asks for those that were marked as changed only."""
        try:
            if y == 0 and self.letters:
                strip = jump_row(self.tabs, self.letters, self.size.width, self.looks)
            else:
                strip = self._drawing().row(y, self.looks, self.spot)
        except Exception as error:
            strip = Strip([Segment(f" {bugs.told(error)}")])
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def render(self) -> RenderResult:
        """Never used: `render_line` draws."""
        return ""
