"""The palette: every action, panel, CPU and name, found by typing a part of it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher

from emu.debug import language
from tui.keys import Key, Parts
from tui.panels import PANELS
from tui.panels.states import STATES
from tui.visible import visible

_TYPED = tuple((one.phrase, one.word) for one in language.BY_WORD.values() if one.phrase)
"""What can be done with an address or a name that was typed."""
_TYPED_SCORE = 0.01
"""What was typed and is no known name stands last."""


class Entry(NamedTuple):
    """One line of the palette."""

    text: str
    help: str
    act: Callable[[], Any]


class Searched(Protocol):
    """What the palette looks through; its app has it."""

    table: tuple[Key, ...]
    parts: Parts


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

    @property
    def _parts(self) -> Parts:
        return cast(Searched, self.app).parts

    def _actions(self) -> Iterator[Entry]:
        parts = self._parts
        for key in cast(Searched, self.app).table:
            if key.id != "palette":
                text = key.help[0].upper() + key.help[1:]
                yield Entry(text, key.shown, partial(key.act, parts))
        for kind in parts.desk.session.menu().kinds:
            act = partial(parts.dialogs.inject, kind.name)
            yield Entry(f"Inject {kind.name} ...", kind.help, act)
        for panel in PANELS:
            if panel.id != "status":
                act = partial(parts.arranging.show_panel, panel.id)
                yield Entry(f"Show panel {panel.title}", "", act)

    def _places(self) -> Iterator[Entry]:
        desk, orders = self._parts.desk, self._parts.orders
        for cpu in desk.seen.cpus:
            words = f"Select cpu {cpu.id}"
            state = STATES[cpu.state].word
            yield Entry(words, f"{state}  {cpu.symbol}", partial(orders.select_cpu, cpu.id))
        for name in desk.names():
            yield Entry(f"Run to {name}", "", partial(orders.order, f"until {name}"))
            yield Entry(f"Break at {name}", "", partial(orders.order, f"break {name}"))
            yield Entry(f"Show code of {name}", "", partial(orders.order, f"list {name}"))

    async def discover(self) -> Hits:
        """The actions, before anything is typed."""
        for entry in self._actions():
            shown = visible(entry.text)
            yield DiscoveryHit(shown, entry.act, text=shown.plain, help=_help(entry.help))

    async def search(self, query: str) -> Hits:
        """All that matches; a single word may also be a symbol that is not on the screen."""
        matcher = self.matcher(query)
        for entry in (*self._actions(), *self._places()):
            score = matcher.match(entry.text)
            if score > 0:
                shown = _found(entry.text, matcher)
                yield Hit(score, shown, entry.act, shown.plain, _help(entry.help))
        if query and " " not in query.strip() and query not in self._parts.desk.names():
            for words, order in _TYPED:
                act = partial(self._parts.orders.order, f"{order} {query}")
                shown = visible(f"{words} {query}")
                yield Hit(_TYPED_SCORE, shown, act, text=shown.plain)
