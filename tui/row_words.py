"""The words of a row that is pointed at which are explained, and what is told first."""

import re
from itertools import product
from typing import Final

from emu.texts.explanations import Explanation, found
from emu.texts.language import language

_WORDS: Final = re.compile(r"#?[A-Za-z_][\w.]*(?:\+0x[0-9a-f]+)?(?:-[A-Za-z]+)*|->")
_TOGETHER: Final = (3, 2, 1)
"""So many words in a row may be one term: "last written by"."""
_PROSE: Final = frozenset((
    "a", "an", "and", "as", "at", "by", "end", "error", "first", "for", "from", "hand", "in",
    "int", "is", "it", "its", "line", "main", "now", "of", "out", "read", "set", "start", "the",
    "time", "to", "where", "which", "who", "write",
))  # fmt: skip
"""Words that sentences are made of, whatever else they are."""
_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "ribbon": ("phase",),
    "cpus": ("fate", "state", "milestone"),
    "mailbox": ("step", "mailbox_command", "mailbox_field"),
    "waits": ("mailbox_field", "milestone", "state"),
    "code": ("milestone",),
    "registers": ("register", "cr0", "cr4", "efer", "rflags"),
    "walk": ("glossary", "page_table_bit", "npt_bit", "walk_verdict"),
    "nested": ("npt_bit", "glossary"),
    "tables": ("page_table_bit", "column"),
    "events": ("hypercall", "vmcall_leaf", "tdcall_leaf", "milestone", "event"),
    "exits": ("hypercall", "vmcall_leaf", "tdcall_leaf", "msr", "exit", "exception"),
    "findings": ("rule",),
    "injections": ("injection", "entry"),
}
"""Panel -> the kinds of words that its rows are about, the most telling one first."""
_IN_EVERY_ROW: Final = (("exits", "exit"),)
_LETTERS: Final = ("walk", "nested")
"""Panels in whose rows single letters are words: bits."""

Words = tuple[tuple[str, str], ...]
"""(as it stands there, as it is explained)."""


def row_words(panel: str, row: str) -> Words:
    """The words that are explained, each once, in the order of the row."""
    words = _WORDS.findall(row)
    rows: dict[str, str] = {}
    at = 0
    while at < len(words):
        for many in _TOGETHER:
            shown = " ".join(words[at : at + many])
            word = _term(panel, words[0], shown) if at + many <= len(words) else ""
            if word:
                rows.setdefault(word, shown)
                break
        at += many if word else 1
    return tuple((shown, word) for word, shown in rows.items())


def _term(panel: str, head: str, shown: str) -> str:
    """How a term is asked for; nothing if it is none: `cr0.PG` of a row that begins so."""
    bare, tongue = shown.partition("+0x")[0], language()
    if found(f"{head}.{shown}", tongue):
        return f"{head}.{shown}"
    if (
        bare.lower() in _PROSE
        or (panel, bare) in _IN_EVERY_ROW
        or (len(bare) == 1 and panel not in _LETTERS)
    ):
        return ""
    return bare if found(bare, tongue) else ""


def first_of(panel: str, words: Words) -> tuple[Explanation, ...]:
    """What is told of the row before anything else: one meaning of its most telling word."""
    told = [(word, one) for _, word in words for one in found(word, language())]
    same = [(word, one) for word, one in told if word in (one.word, *one.also)]
    for some, kind in product((same, told), _KINDS.get(panel, ())):
        for _, one in some:
            if one.kind == kind:
                return (one,)
    return tuple(one for _, one in told[:1])
