"""How the tour looks: rows of a lesson for the strip, all of it, and the list of lessons."""

from typing import Final

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from emu.texts.wrapping import wrapped
from emu.tour.guide import Guide
from emu.tour.words import LessonWords, TourWords
from tui.text import Line, Role

INDENT: Final = 2
RULE: Final = "─"
_DONE, _OPEN = "done", "    "


class Told(Struct, frozen=True):
    """What there is to tell of a lesson now."""

    number: int
    count: int
    words: LessonWords
    said: TourWords
    bare: bool
    hints: int
    """How many of them are shown."""
    wrong: str
    """The name of the sentence."""
    solved: bool
    page: int = 0
    """Which part of the explanation is shown."""
    hint_key: str = "h"
    all_key: str = "T"
    """The keys, or else the words, for a further hint and for all of the text."""

    @property
    def hint(self) -> str:
        """The newest one that is shown."""
        return self.words.hints[self.hints - 1] if self.hints else ""


def rule(title: str, keys: str, width: int, role: Role = "here") -> Line:
    """` title ──── keys `; the title is cut where both do not fit."""
    room = max(width - cell_len(keys) - 6, 0)
    title = title if cell_len(title) <= room else set_cell_size(title, max(room - 1, 0)) + "…"
    fill = max(width - cell_len(title) - cell_len(keys) - 5, 0)
    return ((f"{RULE} ", "dim"), (title, role), (f" {RULE * fill} ", "dim"), (keys, "here"))


def texts(rows: list[tuple[str, Role]], width: int) -> list[Line]:
    """Texts one below the other, wrapped and indented."""
    room = max(width - 2 * INDENT, 8)
    return [((" " * INDENT + row, role),) for text, role in rows for row in wrapped(text, room)]


def title(told: Told) -> str:
    """`Tour 3/14  what it asks about`."""
    done = f" {_DONE}" if told.solved else ""
    return f"Tour {told.number}/{told.count}{done}  {told.words.title}"


def strip(told: Told, width: int, height: int) -> list[Line]:
    """A lesson in a few rows: what is asked and what to do, or what there is to say about what
    was done, or a part of the explanation."""
    room = max(height - 1, 1)
    if told.solved:
        rows = texts([(told.words.explained, "plain")], width)
        first = told.page * room
        more = first + room < len(rows)
        keys = "Enter reads on" if more else "Enter: next lesson"
        head = rule(title(told), keys, width, "good")
        return [head, *rows[first : first + room]][:height]
    keys = f"{told.all_key} more"
    if told.hints < len(told.words.hints):
        keys = f"{told.hint_key} hint  {keys}"
    return [rule(title(told), keys, width), *_asked(told, width, room)]


def pages(told: Told, width: int, height: int) -> int:
    """How many parts the explanation has in a strip of this size."""
    rows = len(texts([(told.words.explained, "plain")], width))
    return max(-(-rows // max(height - 1, 1)), 1)


def _asked(told: Told, width: int, room: int) -> list[Line]:
    """What is to be read first in so many rows: what was wrong, the question, the newest hint,
    what to do; the first of them always."""
    words = told.words
    wrong = words.wrong[told.wrong] if told.wrong else ""
    do = told.said.bare if told.bare else words.do
    wanted: tuple[tuple[str, Role], ...] = (
        (wrong, "warn"), (words.question, "strong"), (told.hint, "here"),
        (do, "dim" if told.bare else "plain"),
    )  # fmt: skip
    found: list[Line] = []
    for text, role in wanted:
        rows = texts([(text, role)], width) if text else []
        if not found or len(found) + len(rows) <= room:
            found += rows
    return found[:room]


def whole(told: Told, width: int) -> list[Line]:
    """All that there is to say about a lesson now, however many rows that takes; the first is
    its title."""
    words = told.words
    rows: list[tuple[str, Role]] = [(words.question, "strong")]
    if told.wrong:
        rows.append((words.wrong[told.wrong], "warn"))
    if not told.bare or told.solved:
        rows.append((words.do, "plain"))
    shown = enumerate(words.hints[: told.hints], 1)
    rows += [(f"{at}/{len(words.hints)}  {text}", "plain") for at, text in shown]
    if told.solved:
        rows.append((words.explained, "good"))
        rows.append((words.source, "dim"))
        rows.append(("  ".join(f":?{word}" for word in words.see), "here"))
    head = rule(title(told), f"{told.all_key} list  Esc back", width)
    found: list[Line] = [head]
    for row in rows:
        found += [(), *texts([row], width)]
    return [*found, (), *texts([(told.said.keys, "dim")], width)]


def lessons(
    guide: Guide, said: TourWords, titles: list[str], chosen: int, width: int, height: int
) -> list[Line]:
    """The list of lessons with what is done; of more than fit, those around the chosen one."""
    done = guide.progress.done
    keys = f"Up Down  Enter: lesson {chosen + 1}  Esc back"
    head = rule(f"Tour: {len(done)} of {len(titles)} done", keys, width)
    below = texts([(said.list, "dim")], width)
    room = max(height - len(below) - 3, 1)
    first = min(max(chosen - room // 2, 0), max(len(titles) - room, 0))
    rows: list[Line] = []
    for at in range(first, min(first + room, len(titles))):
        is_done = guide.lessons[at].name in done
        role: Role = "here" if at == chosen else "good" if is_done else "plain"
        mark = f" {'>' if at == chosen else ' '} {at + 1:>2}  {_DONE if is_done else _OPEN}  "
        rows.append(((mark, role), (titles[at], role)))
    return [head, (), *rows, (), *below][:height]
