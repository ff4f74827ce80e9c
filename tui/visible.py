"""Texts as Textual's own widgets take them: every character of them is seen."""

from textual.content import Content

from tui.text import clean


def visible(text: str) -> Content:
    """A text as it is: Textual would take a `[` in it for the start of a style or a link."""
    return Content(clean(text))
