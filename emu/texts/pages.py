"""The explanations as Markdown: the glossary and the reference pages are made of it."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from emu.texts.explanations import Explanation, explanations, found
from emu.texts.language import Language

_LABELS: Final[dict[Language, tuple[str, str]]] = {
    "en": ("Source", "See also"),
    "zh": ("出处", "另见"),
}
_ROW: Final = re.compile(r"  (\S.*?)(?:  +(\S.*))?$")


def page_of_kind(kind: str) -> str:
    """Where the words of a kind stand, if each kind has a page of its own."""
    return f"{kind}.md"


def anchor(one: Explanation) -> str:
    """The name of a word on its page: letters, digits and hyphens; of a sign its number."""
    word = re.sub(r"[^a-z0-9_]+", "-", one.word.lower()).strip("-")
    word += f"-{ord(one.word[-1]):x}" if word and not one.word[-1].isalnum() else ""
    case = "-capital" if len(one.word) == 1 and one.word.isupper() else ""
    return f"{one.kind}-{word or '-'.join(f'{ord(sign):x}' for sign in one.word)}{case}"


def markdown(
    kind: str, language: Language, page: Callable[[str], str] = page_of_kind, level: int = 3
) -> str:
    """All words of a kind in one language, in the order of its file: for each an anchor
    (`anchor`), a heading of this level, the text, the source, and links to what to see also.
    `page` names the page on which the words of a kind stand; a link on the same page has the
    anchor alone. There is no heading for the kind itself: `title` has its words."""
    blocks = (
        _entry(one, language, page, level) for one in explanations(kind, language).values()
    )
    return "\n\n".join(blocks) + "\n"


def title(kind: str, language: Language) -> str:
    """What words of a kind are, in the language: "a bit of CR0"."""
    return next(iter(explanations(kind, language).values())).kind_words


def _entry(one: Explanation, language: Language, page: Callable[[str], str], level: int) -> str:
    source, see = _LABELS[language]
    rows = [f'<a id="{anchor(one)}"></a>', f"{'#' * level} {_code(one.word)}", _plain(one.text)]
    rows += _more(one.more)
    links = (_link(word, one, language, page) for word in one.see)
    tail = (f"{source}: {_plain(one.source)}" if one.source else "",
            f"{see}: {', '.join(links)}" if one.see else "")  # fmt: skip
    return "\n\n".join((*rows, *(f"*{row}*" if row == tail[0] else row for row in tail if row)))


def _more(text: str) -> Iterable[str]:
    """Paragraphs; blocks of indented rows become lists."""
    for block in text.split("\n\n") if text else ():
        yield _list(block) if block.startswith("  ") else _plain(" ".join(block.split()))


def _list(block: str) -> str:
    rows = []
    for line in block.split("\n"):
        matched = _ROW.match(line)
        word, meaning = matched.groups() if matched else (line.strip(), None)
        rows.append(f"- {_code(word)}" + (f": {_plain(meaning)}" if meaning else ""))
    return "\n".join(rows)


def _link(word: str, one: Explanation, language: Language, page: Callable[[str], str]) -> str:
    """A link to the first meaning of a word that is not this one."""
    meanings = [other for other in found(word, language) if other != one]
    if not meanings:
        return _code(word)
    there = meanings[0]
    where = "" if page(there.kind) == page(one.kind) else page(there.kind)
    return f"[{_code(word)}]({where}#{anchor(there)})"


def _code(word: str) -> str:
    return f"`` {word} ``" if "`" in word else f"`{word}`"


def _plain(text: str) -> str:
    """A text in which nothing but code between backticks is markup."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_<>\[\]|#])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)
