"""Pages of what the program explains: words by kind, and the lessons of the tour."""

import tomllib
from pathlib import Path
from typing import Any, Final

from emu.texts.explanations import explanations, found, kinds
from emu.texts.pages import anchor, markdown, title
from tests.documents.markdown import code, plain

_TOUR: Final = Path(__file__).parents[2] / "emu" / "texts" / "tour" / "en"
_PAGES: Final[dict[str, tuple[str, ...]]] = {
    "glossary.md": (
        "glossary", "term", "state", "fate", "outcome", "step", "role", "milestone", "space",
    ),
    "panels.md": ("panel", "column", "status_line", "timeline", "glyph", "entry"),
    "bits.md": (
        "register", "cr0", "cr3", "cr4", "efer", "rflags", "page_table_bit", "npt_bit",
        "fault_bit", "walk_verdict", "paging_mode", "memory_type",
    ),
    "calls.md": (
        "hypercall", "hv_status", "tdcall_leaf", "td_status", "td_field", "vmcall_leaf",
        "vmcall_status", "ve_reason", "msr",
    ),
    "rules.md": ("rule",),
    "injections.md": ("injection",), "platform.md": ("platform_key",),
}  # fmt: skip
"""Page of the reference -> the kinds of words that stand on it, in this order."""
_REST: Final = "machine.md"
OF_TABLES: Final = ("rule", "injection")
"""Kinds whose words stand with what the program's own tables say (`tests.documents.guest`)."""


def page_of(kind: str) -> str:
    """The page of the reference on which the words of a kind stand."""
    return next((page for page, some in _PAGES.items() if kind in some), _REST)


def words(page: str) -> str:
    """All words that stand on a page, by kind, in the order of the table above."""
    order = _PAGES.get(page) or tuple(kind for kind in kinds() if page_of(kind) == page)
    parts = [
        f"## {_title(kind)}\n\n{markdown(kind, 'en', page_of)}"
        for kind in order
        if kind in kinds()
    ]
    return "\n\n".join(part.strip("\n") for part in parts)


def told(kind: str, word: str) -> tuple[str, str, str]:
    """Of one word its anchor, its text, and what to see also; empty where nothing is told."""
    one = explanations(kind, "en").get(word) if kind in kinds() else None
    if one is None:
        return "", "", ""
    see = ", ".join(_link(other, "") for other in one.see)
    return f'<a id="{anchor(one)}"></a>', plain(one.text), f"See also: {see}" if see else ""


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


def _link(word: str, folder: str = "reference/") -> str:
    """A link to the word in the reference, or the word where nothing explains it."""
    one = next(iter(found(word, "en")), None)
    where = "" if one is None else f"{folder}{page_of(one.kind)}#{anchor(one)}"
    return f"[{code(word)}]({where})" if where else code(word)
