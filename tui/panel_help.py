"""What `?` tells on a panel: the row pointed at, the panel, what lies around it, and keys."""

from collections.abc import Sequence

from emu.texts.explanations import explanations, meaning_of
from emu.texts.language import language
from emu.texts.meaning import LABELS
from tui.frame import Frame
from tui.help_page import Content
from tui.panels.base import Panel, Spot
from tui.pointing import spot_of
from tui.row_words import Words, first_of, row_words
from tui.text import plain


def panel_help(frame: Frame, focus: int, keys: Sequence[tuple[str, str]]) -> Content:
    """The page; `focus`: the CPU whose row is pointed at where rows are CPUs."""
    panel = frame.panel
    spot = frame.spot
    if spot is None and panel.selects_cpu:
        spot = spot_of(frame.page, f"c{focus}")
    words = () if spot is None else _words(panel, spot, _text(frame, spot))
    texts = explanations("panel", language())
    own = (texts[panel.id],) if panel.id in texts else ()
    told = tuple(map(meaning_of, (*first_of(panel.id, words), *own)))
    return Content(panel.title, told, words, _elsewhere(panel), tuple(keys))


def _words(panel: Panel, spot: Spot, row: str) -> Words:
    """The word that the spot says it is about, and those of its row."""
    words = row_words(panel.id, row)
    if not spot.about:
        return words
    return ((spot.about, spot.about), *(one for one in words if one[1] != spot.about))


def _text(frame: Frame, spot: Spot) -> str:
    return plain(frame.page.lines[spot.row])[spot.start : spot.end]


def _elsewhere(panel: Panel) -> Words:
    """What else is on every screen, and the list of everything."""
    around = ("status line", "tabs", "key bar", "timeline", "prompt")
    words = tuple((word, word) for word in around if word != panel.id)
    return (*words, (LABELS[language()].topics, ""))
