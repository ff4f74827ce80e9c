"""What a word at the prompt may become, and what each candidate is."""

import os
from typing import Final

from emu.debug import language
from emu.debug.aliases import aliases, find
from emu.debug.command import Command
from emu.debug.screen_words import SCREEN_WORDS
from emu.errors import CommandError
from emu.inject.menu_view import InjectionMenu
from emu.picture.known import Named, named
from tui.panels import PANELS
from tui.sources import Sources

BEHIND: Final[dict[str, tuple[str, ...]]] = {
    "goto": ("moment",), "diff": ("moment", "branch"), "branch": ("branch",), "mark": (),
    "delete": ("breakpoint",), "cpu": ("cpu",), "hold": ("cpu",), "release": ("cpu",),
    "why": ("cpu",), "step": ("cpu",), "next": ("cpu",), "reverse-step": ("cpu",),
    "save": ("file",), "export": ("file",), "write": ("file",), "write!": ("file",),
    "tour": ("tour",), "copy": ("panel",), "panel": ("panel",), "help": ("word",),
    "run": (), "print": ("value",), "set": ("value",),
    "last-writer": ("value",), "first-reader": ("value",), "accessed": ("value",),
    "watch": ("value",),
    "previous-change": ("value",), "next-change": ("value",), "mem": ("value",),
    "examine": ("value",), "walk": ("value",), "find": ("value",), "inject": ("injection",),
}  # fmt: skip
"""Command -> the kinds of words that stand behind it; behind any other, places."""
_TOUR: Final = (
    Named("next", "the lesson after this one"), Named("all", "all of the lesson's text"),
    Named("hint", "a further hint"),
    Named("reset", "the lesson from its beginning"), Named("bare", "only the question"),
    Named("guided", "panels are opened"), Named("leave", "back to your own machine"),
)  # fmt: skip
FILES_MAX: Final = 1_000
OFFERED_CELLS: Final = 400


def candidates(text: str, sources: Sources) -> tuple[Named, ...]:
    """What the last word of a text may become, the most wanted first; each is the whole
    word."""
    last = text.rpartition(" ")[2]
    return tuple(one for one in _beginning(text, sources) if one.word != last)


def complete(text: str, sources: Sources) -> str | None:
    """The text with its last word completed; nothing where none was begun, or where it is
    whole as it stands."""
    head, space, last = text.rpartition(" ")
    found = _beginning(text, sources) if last else ()
    if not found or any(one.word == last for one in found):
        return None
    return f"{head}{space}{found[0].word}"


def _beginning(text: str, sources: Sources) -> tuple[Named, ...]:
    """All that begin like the last word of a text, each once; what is known of it last is what
    it is."""
    head, _, last = text.rpartition(" ")
    pool = _behind(head, last, sources) if head.strip() else _first(sources)
    return tuple({one.word: one for one in pool if one.word.startswith(last)}.values())


def _first(sources: Sources) -> tuple[Named, ...]:
    """Commands, words of the screen, and other words for them."""
    return (
        *(Named(word, one.help) for word, one in language.BY_WORD.items()),
        *(Named(word, one.help) for word, one in SCREEN_WORDS.items()),
        *(Named(one.word, one.ours) for one in aliases(sources.words).values()),
    )


def _behind(head: str, last: str, sources: Sources) -> tuple[Named, ...]:
    """What may stand behind some words."""
    words = _in_ours(head, sources)
    command = language.BY_WORD.get(words[0])
    found = _choices(command, len(head.split()) - 1)
    for kind in BEHIND.get(words[0], ("place",)):
        found += _of_kind(kind, words[1:], last, sources)
    return found


def _in_ours(head: str, sources: Sources) -> list[str]:
    """Words in our own words; with something behind them, where an alias wants that."""
    for text in (head, f"{head} 0"):
        try:
            return language.ours(text, sources.words).split() or [""]
        except CommandError:
            continue
    return head.split() or [""]


def _choices(command: Command | None, place: int) -> tuple[Named, ...]:
    """The words that a command itself knows at a place."""
    if command is None:
        return ()
    slots = command.slots[:1] if place == 0 else command.slots[1:]
    return tuple(Named(word, slot.name) for slot in slots for word in slot.choices)


def _of_kind(kind: str, words: list[str], last: str, sources: Sources) -> tuple[Named, ...]:
    match kind:
        case "file":
            return _files(last)
        case "tour":
            return _TOUR
        case "panel":
            return tuple(Named(one.id, one.title) for one in PANELS)
        case "injection":
            return _injection(words, sources)
        case "word" if words[:1] == ["inject"]:
            return tuple(Named(one.name, one.help) for one in sources.menu.kinds)
        case "place" | "value" if ":" in last and last.partition(":")[0].endswith(_CODE):
            return sources.ask(f"line {last.rpartition(':')[0]}")
    return sources.ask(kind)


_CODE: Final = (".c", ".h", ".S", ".s", ".inc", ".rs", ".cc", ".cpp")
"""How names of source end."""


def _injection(words: list[str], sources: Sources) -> tuple[Named, ...]:
    """A kind, its parameters, then `at` and a moment."""
    menu = sources.menu
    if not words:
        return tuple(Named(kind.name, kind.help) for kind in menu.kinds)
    if "at" in words:
        moments = dict.fromkeys(menu.moment_words, "moment")
        return (*named(moments), *sources.ask("place"))
    kind, place = menu.kind(words[0]), len(words) - 1
    found: tuple[Named, ...] = ()
    if kind is not None and place < len(kind.parameters):
        wanted = kind.parameters[place]
        found = (Named(wanted.example, wanted.help),)
        if wanted.name == "CPU":
            found = sources.ask("cpu")
    return (*found, Named("at", "when: a moment follows"), *sources.ask("place"))


def _files(last: str) -> tuple[Named, ...]:
    """What lies in the folder that is being typed."""
    folder, begin = os.path.split(last)
    found = []
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                hidden = entry.name.startswith(".") and not begin.startswith(".")
                if entry.name.isprintable() and not hidden and " " not in entry.name:
                    slash = "/" if entry.is_dir() else ""
                    name = os.path.join(folder, entry.name) + slash
                    found.append(Named(name, "folder" if slash else "file"))
                if len(found) == FILES_MAX:
                    break
    except (OSError, ValueError):  # no folder, or one that nobody may read
        return ()
    return tuple(sorted(found, key=lambda one: one.word))


def offered(found: tuple[Named, ...]) -> str:
    """Candidates with what they are, as one line: the one that was put in first."""
    text, left = "", len(found)
    for one in found:
        what = f" ({one.what})" if one.what else ""
        if len(text) > OFFERED_CELLS:
            break
        text, left = f"{text}  {one.word}{what}".strip(), left - 1
    return f"{len(found):,}: {text}" + (f"  and {left:,} more" if left else "")


def explain(text: str, sources: Sources) -> str:
    """What the command being typed does; the command words while none is."""
    words = text.split()
    word = words[0] if words else ""
    if word in ("?", "help") or text[:1] == "?":
        return language.BY_WORD["help"].help
    screen = SCREEN_WORDS.get(_ours(text, sources))
    command = language.command_of(text, sources.words)
    if screen is not None:
        return f"{screen.usage}: {screen.help}"
    alias = find(word, sources.words)
    if command is None and alias is not None:
        return alias[0].told
    if command is None:
        near = [name for name in (*language.BY_WORD, *SCREEN_WORDS) if name.startswith(word)]
        return "  ".join(near) or f"{word!r} is no command: help lists them"
    if word == "inject" and (len(words) > 1 or text.endswith(" ")):
        return _explain_inject(words[1:], sources.menu)
    typed = "" if word == command.word else f"{command.word}: "
    return f"{typed}{command.help}"


def _ours(text: str, sources: Sources) -> str:
    """The first word in our own words."""
    try:
        return language.ours(text, sources.words).partition(" ")[0]
    except CommandError:
        return ""


def _explain_inject(words: list[str], menu: InjectionMenu) -> str:
    """The kinds that begin like this; how the one that was named is written, or a moment."""
    if "at" in words:
        return menu.moment_usage
    kind = menu.kind(words[0]) if words else None
    if kind is not None:
        return f"{kind.usage} [at MOMENT]: {kind.help}"
    near = [one.name for one in menu.kinds if one.name.startswith("".join(words[:1]))]
    return "  ".join(near) or f"there is no kind {words[0]!r} here: i lists them"
