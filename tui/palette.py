"""The palette: every command, action, panel, theme, CPU and name, found by a part of it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, cast

from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher

from emu.debug import language
from emu.debug.aliases import aliases
from emu.debug.command import Command
from emu.debug.screen_words import SCREEN_WORDS
from emu.texts import explanations as texts
from emu.texts.language import language as spoken
from tui.keys import Key, Parts
from tui.palette_words import also as other_words
from tui.panels import PANELS
from tui.panels.states import looks
from tui.visible import visible

_TYPED: Final = (
    *((one.phrase, one.word) for one in language.BY_WORD.values() if one.phrase),
    ("Explain", "help"),
)
"""What can be done with an address or a name that was typed."""
_TYPED_SCORE: Final = 0.01
"""What was typed and is no known name stands last."""
_SCORES: Final = (1.0, 0.95, 0.9, 0.8, 0.6)
"""An entry that is called so; one whose first words are these; one that begins so; one with
these words; one with them among what it does. Below: letters in their order."""
_FUZZY: Final = 0.5
_OTHER: Final = 0.5
"""Of letters that only its other words have."""


class Entry(NamedTuple):
    """One line of the palette."""

    text: str
    help: str
    act: Callable[[], Any]
    also: str = ""
    """Other words by which it is found."""


class Searched(Protocol):
    """What the palette looks through; its app has it."""

    table: tuple[Key, ...]
    parts: Parts


def score(entry: Entry, query: str) -> float:
    """How well an entry is what was typed, 0 to 1; 0: not by its words."""
    typed, text = query.lower().strip(), entry.text.lower()
    names = (text, *entry.also.lower().split("  "))
    if typed in names:
        return _SCORES[0]
    if text.startswith(f"{typed} "):
        return _SCORES[1]
    if any(name.startswith(typed) for name in names):
        return _SCORES[2]
    words = typed.split()
    if all(word in f"{text} {entry.also.lower()}" for word in words):
        return _SCORES[3]
    every = f"{text} {entry.also} {entry.help}".lower()
    return _SCORES[4] if words and all(word in every for word in words) else 0.0


def _fuzzy(entry: Entry, matcher: Matcher) -> float:
    """How well it has the letters that were typed, in their order; the matcher is asked about
    what has them at all, since it takes ten times as long to find that nothing has."""
    best = 0.0
    for text, worth in ((entry.text, 1.0), (entry.also, _OTHER)):
        letters = iter(text.lower())
        if all(letter in letters for letter in matcher.query.lower()):
            best = max(best, worth * matcher.match(text))
    return _FUZZY * min(best, 1.0)


def _found(text: str, matcher: Matcher) -> Content:
    """The same with what was typed marked in it."""
    shown = visible(text)
    _, offsets = matcher.fuzzy_search.match(matcher.query, shown.plain)
    for offset in offsets:
        shown = shown.stylize(matcher.match_style, offset, offset + 1)
    return shown


def _help(text: str) -> str | None:
    """Help as the palette wants it, which takes a Content as it is."""
    return cast(str, visible(text)) if text else None


class Finder(Provider):
    """Everything that can be done or gone to."""

    _every: tuple[Entry, ...] = ()

    @property
    def _parts(self) -> Parts:
        return cast(Searched, self.app).parts

    def _actions(self) -> Iterator[Entry]:
        parts = self._parts
        for key in cast(Searched, self.app).table:
            if key.id != "palette":
                text = key.help[0].upper() + key.help[1:]
                also = "  ".join((key.id, key.label, other_words(key.id)))
                yield Entry(text, key.shown, partial(key.act, parts), also)
        yield from commands(parts)
        for kind in parts.desk.session.menu().kinds:
            act = partial(parts.dialogs.inject, kind.name)
            yield Entry(f"Inject {kind.name} ...", kind.help, act, kind.name)
        panels = texts.explanations("panel", "en")
        for panel in PANELS:
            if panel.id != "status":
                act = partial(parts.arranging.show_panel, panel.id)
                about = panels[panel.id].text.partition(". ")[0] if panel.id in panels else ""
                also = f"{panel.id}  {panel.tab}  {other_words(panel.id)}"
                yield Entry(f"Show panel {panel.title}", about, act, also)
        yield from themes(self.app)

    def _places(self) -> Iterator[Entry]:
        desk, orders = self._parts.desk, self._parts.orders
        for cpu in desk.seen.cpus:
            words, told = f"Select cpu {cpu.id}", f"{looks(cpu).word}  {cpu.symbol}"
            yield Entry(words, told, partial(orders.select_cpu, cpu.id))
        for name in desk.names():
            yield Entry(f"Run to {name}", "", partial(orders.order, f"until {name}"))
            yield Entry(f"Break at {name}", "", partial(orders.order, f"break {name}"))
            yield Entry(f"Show code of {name}", "", partial(orders.order, f"list {name}"))

    def _words(self) -> Iterator[Entry]:
        """Whatever `help` explains, beside commands and symbols."""
        desk, orders = self._parts.desk, self._parts.orders
        told = {
            word: one.kind_words
            for kind in texts.kinds()
            for word, one in texts.explanations(kind, spoken()).items()
        }
        names = {*desk.names(), *language.BY_WORD, *SCREEN_WORDS}
        for one in desk.session.known("word"):
            if one.word not in names:
                told.setdefault(one.word, one.what)
        for word, what in told.items():
            yield Entry(f"Explain {word}", what, partial(orders.order, f"help {word}"), word)

    async def discover(self) -> Hits:
        """The actions, before anything is typed."""
        for entry in self._actions():
            shown = visible(entry.text)
            yield DiscoveryHit(shown, entry.act, text=shown.plain, help=_help(entry.help))

    async def search(self, query: str) -> Hits:
        """All that matches; a single word may also be a symbol that is not on the screen."""
        matcher = self.matcher(query)
        if not self._every:  # once for all that is typed until the palette is closed
            self._every = (*self._actions(), *self._places(), *self._words())
        for entry in self._every:
            found = score(entry, query) or _fuzzy(entry, matcher)
            if found > 0:
                shown = _found(entry.text, matcher)
                yield Hit(found, shown, entry.act, text=shown.plain, help=_help(entry.help))
        if query and " " not in query.strip() and query not in self._parts.desk.names():
            for words, order in _TYPED:
                act: Callable[[], object] = partial(
                    self._parts.orders.order, f"{order} {query}"
                )
                if order == "help":
                    act = partial(self._parts.dialogs.explain_found, query)
                shown = visible(f"{words} {query}")
                yield Hit(_TYPED_SCORE, shown, act, text=shown.plain)


def commands(parts: Parts) -> Iterator[Entry]:
    """Every command: carried out if it takes nothing, else begun in the prompt."""
    words = parts.desk.session.looks.words
    also = {
        word: "  ".join(
            (
                *(one.word for one in aliases(words).values() if one.ours == word),
                other_words(word),
            )
        )
        for word in (*language.BY_WORD, *SCREEN_WORDS)
    }
    for word, one in language.BY_WORD.items():
        yield Entry(one.usage, one.help, _begin(parts, one), f"{word}  {also[word]}")
    for word, screen in SCREEN_WORDS.items():
        act = partial(parts.dialogs.ask, f"{word} " if " " in screen.usage else word)
        yield Entry(screen.usage, screen.help, act, f"{word}  {also[word]}")


def _begin(parts: Parts, command: Command) -> Callable[[], Any]:
    if command.slots:
        return partial(parts.dialogs.ask, f"{command.word} ")
    return partial(parts.orders.order, command.word)


def themes(app: App[Any]) -> Iterator[Entry]:
    """Every theme."""
    for name in sorted(app.available_themes):
        yield Entry(f"Theme {name}", "other colours", partial(setattr, app, "theme", name))
