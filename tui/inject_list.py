"""The first page of the injection menu: every kind of a platform, found by typing."""

from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from emu.inject.menu_view import InjectionMenu, KindView
from tui.line_editor import Edit
from tui.text import Line, line, pad, paragraph

USAGE_CELLS: Final = 34
"""At most, so that the help has room."""
HEAD: Final = "Inject "
DETAIL_ROWS: Final = 3
"""Below the list: an empty row, and the help of the marked kind."""


class Sheet(Struct, frozen=True):
    """A page of the menu: its lines, and the cell of the cursor as row and column."""

    lines: tuple[Line, ...]
    cursor: tuple[int, int] | None
    choices: tuple[tuple[int, int], ...] = ()
    """(row, place in the list) for each row that can be clicked."""


class KindList(Struct, frozen=True):
    """What was typed, and which of the kinds that have it is marked."""

    menu: InjectionMenu
    filter: Edit = field(default_factory=Edit)
    at: int = 0

    @property
    def shown(self) -> list[KindView]:
        """The kinds whose name, group or help has every word that was typed; those whose name
        has them come first."""
        words = self.filter.text.lower().split()
        found = [
            kind for kind in self.menu.kinds
            if all(word in f"{kind.group} {kind.usage} {kind.help}".lower() for word in words)
        ]  # fmt: skip
        named = [kind for kind in found if all(word in kind.name for word in words)]
        return named if words and named else found

    @property
    def marked(self) -> KindView | None:
        """The kind that Enter chooses."""
        shown = self.shown
        return shown[min(self.at, len(shown) - 1)] if shown else None

    def take(self, key: str, character: str | None) -> "KindList":
        """The list after a key: arrows move the mark, anything typed filters."""
        last = max(len(self.shown) - 1, 0)
        moves = {"up": -1, "down": 1, "pageup": -8, "pagedown": 8, "shift+tab": -1, "tab": 1}
        if key in moves:
            return replace(self, at=min(max(self.at + moves[key], 0), last))
        edit = self.filter
        typed = character is not None and character.isprintable()
        edit = edit.insert(character or "") if typed else edit.key(key)
        return self if edit == self.filter else KindList(self.menu, edit)

    def sheet(self, width: int, height: int) -> Sheet:
        """The list in so many cells, the marked kind visible."""
        shown, rows = self.shown, max(height - 2 - DETAIL_ROWS, 1)
        cells = min(max((len(kind.usage) for kind in shown), default=0), USAGE_CELLS)
        listed = self._listed(cells)
        places = [place for _, place in listed]
        here = places.index(min(self.at, len(shown) - 1)) if shown else 0
        top = min(max(here - rows + 2, 0), max(len(listed) - rows, 0))
        part = listed[top : top + rows]
        body = [styled for styled, _ in part]
        body += [()] * (rows - len(body))
        head = line((HEAD, "strong"), (self.filter.text, "here"))
        if not self.filter.text:
            head = line((HEAD, "strong"), ("  type to find one", "dim"))
        detail = paragraph(_detail(self.marked), max(width, 8))[: DETAIL_ROWS - 1]
        return Sheet(
            (head, (), *body, (), *(line((row, "plain")) for row in detail)),
            (0, len(HEAD) + self.filter.at),
            tuple((2 + row, place) for row, (_, place) in enumerate(part) if place >= 0),
        )

    def _listed(self, cells: int) -> list[tuple[Line, int]]:
        """Headings (-1) and kinds with their places."""
        found: list[tuple[Line, int]] = []
        group = ""
        for place, kind in enumerate(self.shown):
            if kind.group != group:
                group = kind.group
                found.append((line((group, "dim")), -1))
            here = kind is self.marked
            found.append((line(
                ("> " if here else "  ", "here"),
                (pad(kind.usage, cells) + "  ", "here" if here else "name"), kind.help,
            ), place))  # fmt: skip
        return found


def _detail(kind: KindView | None) -> str:
    if kind is None:
        return "No kind of injection of this platform has these words. Esc closes."
    words = ". ".join(f"{one.name}: {one.help}" for one in kind.parameters)
    return f"{kind.name}: {kind.help}. {words}".rstrip(". ") + "."
