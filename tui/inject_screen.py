"""The injection menu: a kind, what it takes, a moment; Enter enters the finished line."""

from collections.abc import Callable
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from emu.inject.menu_view import InjectionMenu
from tui.inject_form import Form
from tui.inject_list import KindList, Sheet
from tui.text import fit, plain
from tui.theme import Looks
from tui.visible import visible

WIDTH_MAX: Final = 96
HEIGHT_MAX: Final = 32
FRAME: Final = (4, 2)
"""Cells that the border and its padding take from width and height."""
_CURSOR: Final = Style(reverse=True)
_LIST_KEYS: Final = "Enter chooses   Up Down   type to find   Esc closes"
_FORM_KEYS: Final = "Enter injects   Up Down   Esc back to the kinds"


class Pages(Widget):
    """Draws the page of the menu that is shown."""

    def __init__(self, looks: Looks) -> None:
        super().__init__(id="inject")
        self._looks = looks
        self.sheet = Sheet((), None)

    def show(self, sheet: Sheet) -> None:
        """Draw this page."""
        self.sheet = sheet
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row, the cursor's cell reversed."""
        styled = self.sheet.lines[y] if y < len(self.sheet.lines) else ()
        width = self.size.width
        strip = Strip([Segment(t, self._looks[role]) for t, role in fit(styled, width)])
        strip = strip.adjust_cell_length(width)
        if any(role == "here" and text.strip() for text, role in styled) and plain(
            styled
        ).startswith("> "):
            strip = strip.apply_style(self._looks.row)
        if self.sheet.cursor is not None and self.sheet.cursor[0] == y:
            at = min(self.sheet.cursor[1], max(width - 1, 0))
            under = strip.crop(at, at + 1).apply_style(_CURSOR)
            strip = Strip.join((strip.crop(0, at), under, strip.crop(at + 1)))
        return strip.apply_style(self.rich_style)

    def render(self) -> RenderResult:
        """Never used: `render_line` draws."""
        return ""


class InjectScreen(ModalScreen[None]):
    """The menu above the panels. The app hands it every key, in the order of typing."""

    def __init__(
        self, menu: InjectionMenu, looks: Looks, enter: Callable[[str], str], kind: str = ""
    ) -> None:
        """`enter` carries a line out and says why it was refused, or nothing."""
        super().__init__()
        self._carry_out = enter
        self._list = KindList(menu)
        found = menu.kind(kind)
        self._form = None if found is None else Form.of(found, menu)
        self._direct = found is not None
        self._trouble = ""
        self._pages = Pages(looks)

    def compose(self) -> ComposeResult:
        """One box of a fixed size: nothing in it moves but what changed."""
        yield self._pages

    def on_mount(self) -> None:
        """The first page."""
        self._show()

    def on_resize(self) -> None:
        """Another size of the terminal."""
        self._show()

    def _show(self) -> None:
        size, pages = self.app.size, self._pages
        width, height = min(size.width, WIDTH_MAX), min(size.height, HEIGHT_MAX)
        pages.styles.width, pages.styles.height = width, height
        inner = max(width - FRAME[0], 1), max(height - FRAME[1], 1)
        if self._form is None:
            count = len(self._list.shown)
            pages.border_title = f"Inject: {count} kinds" if count != 1 else "Inject: 1 kind"
            pages.border_subtitle = _LIST_KEYS
            pages.show(self._list.sheet(*inner))
        else:
            pages.border_title = visible(f"Inject {self._form.kind.usage}")
            pages.border_subtitle = _FORM_KEYS
            pages.show(self._form.sheet(*inner, self._trouble))

    def take(self, key: str, character: str | None) -> None:
        """What a key does."""
        match key:
            case "escape" | "ctrl+c":
                self._back(leave=key == "ctrl+c")
            case "enter":
                self._enter()
            case _ if self._form is None:
                self._list = self._list.take(key, character)
            case _:
                self._form, self._trouble = self._form.take(key, character), ""
        self._show()

    def paste(self, text: str) -> None:
        """The first line of a pasted text, as if it was typed."""
        for character in text.partition("\n")[0]:
            self.take(character, character)

    def _back(self, *, leave: bool) -> None:
        if self._form is None or self._direct or leave:
            self.dismiss()
        self._form, self._trouble = None, ""

    def _enter(self) -> None:
        """Choose the kind, or enter the line; a refusal is said here, and nothing is lost."""
        marked = self._list.marked
        if self._form is None:
            self._form = None if marked is None else Form.of(marked, self._list.menu)
            return
        self._trouble = self._carry_out(self._form.line)
        if not self._trouble:
            self.dismiss()

    def on_click(self, event: events.Click) -> None:
        """A click marks a row; on the marked one it is Enter. Outside of the box it closes."""
        region = self._pages.region
        if not region.contains(event.screen_x, event.screen_y):
            self.dismiss()
            return
        row = event.screen_y - region.y - 1
        place = dict(self._pages.sheet.choices).get(row)
        if place is None:
            return
        if self._form is None and place == self._list.at:
            self._enter()
        elif self._form is None:
            self._list = KindList(self._list.menu, self._list.filter, place)
        else:
            self._form = self._form.to(place)
        self._show()
