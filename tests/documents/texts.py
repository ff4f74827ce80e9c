"""Pages of what the program explains: words by kind, and the lessons of the tour."""

import tomllib
from pathlib import Path
from typing import Any, Final

from emu.texts.explanations import found, kinds
from emu.texts.pages import anchor, markdown, title
from tests.documents.markdown import code, plain

_TOUR: Final = Path(__file__).parents[2] / "emu" / "texts" / "tour" / "en"
_PAGE: Final = {
    "glossary": "glossary.md", "term": "glossary.md", "state": "glossary.md",
    "step": "glossary.md", "role": "glossary.md", "milestone": "glossary.md",
    "space": "glossary.md", "fate": "glossary.md", "outcome": "glossary.md",
    "panel": "panels.md", "column": "panels.md", "glyph": "panels.md",
    "timeline": "panels.md", "status_line": "panels.md", "entry": "panels.md",
}  # fmt: skip
_REST: Final = "machine.md"


def page_of(kind: str) -> str:
    """The page of the reference on which the words of a kind stand."""
    return _PAGE.get(kind, _REST)


def words(page: str) -> str:
    """All words that stand on a page, by kind, in the order of the table above."""
    order = [kind for kind in _PAGE if kind in kinds()]
    order += [kind for kind in kinds() if kind not in _PAGE]
    parts = [
        f"## {_title(kind)}\n\n{markdown(kind, 'en', page_of)}"
        for kind in order
        if page_of(kind) == page
    ]
    return "\n\n".join(part.strip("\n") for part in parts)


def _title(kind: str) -> str:
    """What the words of a kind are, as a heading: without its article."""
    words = title(kind, "en")
    for article in ("a ", "an ", "the "):
        words = words.removeprefix(article)
    return words[0].upper() + words[1:]


def lessons() -> list[str]:
    """The names of all lessons of the tour that have words."""
    return sorted(place.stem for place in _TOUR.glob("*.toml"))


def lesson(name: str) -> str:
    """A lesson as a part of the boot flow: its question, what is seen, and how to see it."""
    place = _TOUR / f"{name}.toml"
    if not place.is_file():
        return ""
    told: dict[str, Any] = tomllib.loads(place.read_text(encoding="utf-8"))
    see = ", ".join(_link(word) for word in told["see"])
    parts = (
        f"**{plain(told['question'])}**", plain(told["explained"]),
        f"*Source: {plain(told['source'])}*",
        f"See it: {plain(told['do'])} (`apdbg tour`: {plain(told['title'])})",
        f"See also: {see}" if see else "",
    )  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _link(word: str) -> str:
    """A link to the word in the reference, or the word where nothing explains it."""
    one = next(iter(found(word, "en")), None)
    return code(word) if one is None else f"[{code(word)}]({_place(one.kind)}#{anchor(one)})"


def _place(kind: str) -> str:
    return f"reference/{page_of(kind)}"
