"""The second page of the injection menu: what a kind takes, and which moment it waits for."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.inject.menu_view import InjectionMenu, KindView, MomentView
from tui.inject_list import Sheet
from tui.line_editor import Edit
from tui.text import Line, Role, line, pad, paragraph

VALUE_CELLS: Final = 18
NAME_CELLS: Final = 10
WORDS_CELLS: Final = 46
FOOT_ROWS: Final = 2
"""For the sentence of a refusal, or a hint."""
_TYPED: Final = "at a moment that you type"
_MARK: Final = 2
"""Cells of the mark before a row."""


class Form(Struct, frozen=True):
    """The fields with what was typed, and the rows: fields first, then moments to choose."""

    kind: KindView
    menu: InjectionMenu
    values: tuple[Edit, ...]
    typed: Edit
    """A moment in the words of `at`."""
    at: int = 0
    """The row that keys go to."""
    moment: int = 0
    """Which of `moments` is chosen."""
    fresh: bool = True
    """Whether the first character typed replaces what stands in the field."""

    @staticmethod
    def of(kind: KindView, menu: InjectionMenu) -> "Form":
        """The form of a kind with its example in the fields."""
        values = tuple(Edit.end(one.example) for one in kind.parameters)
        return Form(kind, menu, values, Edit())

    @property
    def moments(self) -> tuple[MomentView, ...]:
        """What can be chosen; the one that is typed has its text from there."""
        later = ", or when the CPU is parked" if self.kind.not_started else ""
        own = MomentView(f"at once{later}", "")
        first: tuple[MomentView, ...] = (own,)
        if self.kind.when:
            own = MomentView("at the moment that the kind itself means", "")
            first = (own, MomentView("at once", self.menu.now))
        near = [one for one in self.menu.moments if " " in one.text]
        named = [one for one in self.menu.moments if " " not in one.text]
        return (*first, *near, MomentView(_TYPED, self.typed.text), *named)

    @property
    def typing(self) -> int:
        """The place of the moment that is typed."""
        return next(i for i, one in enumerate(self.moments) if one.words == _TYPED)

    @property
    def line(self) -> str:
        """The command that Enter enters."""
        words = [edit.text.strip() for edit in self.values]
        moment = self.moments[self.moment]
        text = moment.text.strip()
        at = f"at {text}" if text or moment.words == _TYPED else ""
        return " ".join(filter(None, ("inject", self.kind.name, *words, at)))

    # -- keys -------------------------------------------------------------------------------

    def take(self, key: str, character: str | None) -> "Form":
        """The form after a key: arrows move, what is typed goes into the field."""
        moves = {"up": -1, "down": 1, "pageup": -8, "pagedown": 8, "shift+tab": -1, "tab": 1}
        if key in moves:
            return self.to(self.at + moves[key])
        fields = len(self.values)
        if self.at >= fields and self.moment != self.typing:
            return self._begin(character)
        edit = self.values[self.at] if self.at < fields else self.typed
        if character is not None and character.isprintable():
            edit = (Edit() if self.fresh else edit).insert(character)
        elif self.fresh and key in ("backspace", "delete"):
            edit = Edit()
        else:
            edit = edit.key(key)
        if self.at >= fields:
            return replace(self, typed=edit, fresh=False)
        values = (*self.values[: self.at], edit, *self.values[self.at + 1 :])
        return replace(self, values=values, fresh=False)

    def to(self, row: int) -> "Form":
        """Another row; one of a moment is chosen by that."""
        fields = len(self.values)
        row = min(max(row, 0), fields + len(self.moments) - 1)
        moment = row - fields if row >= fields else self.moment
        return replace(self, at=row, moment=moment, fresh=row < fields)

    def _begin(self, character: str | None) -> "Form":
        """Something typed on a moment begins one of one's own."""
        if character is None or not character.isprintable():
            return self
        there = self.to(len(self.values) + self.typing)
        return replace(there, typed=there.typed.insert(character))

    # -- drawing ----------------------------------------------------------------------------

    def sheet(self, width: int, height: int, trouble: str) -> Sheet:
        """The fields, the moments and the finished line; below it why it was refused."""
        head = [line((self.kind.name, "strong"), "  ", self.kind.help), ()]
        hint = self.menu.moment_usage if self.at == len(self.values) + self.typing else ""
        words = paragraph(f"! {trouble}" if trouble else hint, max(width - 2, 8))[:FOOT_ROWS]
        foot: list[Line] = [(), line(("  " + self.line, "strong"))]
        foot += [line(("  " + row, "bad" if trouble else "dim")) for row in words]
        foot += [()] * (FOOT_ROWS - len(words))
        rows, places, cursor = self._rows()
        room = max(height - len(head) - len(foot), 1)
        here = places.index(self.at)
        top = min(max(here - room + 2, 0), max(len(rows) - room, 0))
        body = rows[top : top + room]
        body += [()] * (room - len(body))
        return Sheet(
            (*head, *body, *foot),
            None if cursor is None else (len(head) + here - top, cursor),
            tuple(
                (len(head) + row - top, place)
                for row, place in enumerate(places) if place >= 0 and top <= row < top + room
            ),
        )  # fmt: skip

    def _rows(self) -> tuple[list[Line], list[int], int | None]:
        """All rows, the place of each (-1: none), and the column of the cursor."""
        rows: list[Line] = []
        cursor = None
        for place, one in enumerate(self.kind.parameters):
            here, value = place == self.at, self.values[place]
            rows.append(line(
                ("> " if here else "  ", "here"), (pad(one.name, NAME_CELLS), "name"),
                (pad(value.text, VALUE_CELLS) + "  ", "here" if here else "strong"),
                (one.help + ("" if one.needed else " (may be left out)"), "dim"),
            ))  # fmt: skip
            cursor = _MARK + NAME_CELLS + value.at if here else cursor
        places = [*range(len(rows)), -1, -1] if rows else [-1]
        rows += [(), line(("When", "strong"))] if rows else [line(("When", "strong"))]
        for index, moment in enumerate(self.moments):
            place = len(self.values) + index
            here, chosen = place == self.at, index == self.moment
            text = moment.text
            role: Role = "strong" if index == self.typing else "dim"
            if index == self.typing:
                cursor = _MARK + 2 + WORDS_CELLS + self.typed.at if here else cursor
            elif not text and self.kind.when:
                text = self.kind.when
            rows.append(line(
                ("> " if here else "  ", "here"), ("* " if chosen else "  ", "here"),
                (pad(moment.words, WORDS_CELLS), "here" if here else "plain"), (text, role),
            ))  # fmt: skip
            places.append(place)
        return rows, places, cursor
