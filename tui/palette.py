"""The palette: every action, panel, CPU and name, found by typing a part of it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from emu.debug import language
from tui.panels import PANELS
from tui.panels.states import STATES

if TYPE_CHECKING:
    from tui.app import ApdbgApp

_TYPED = tuple((one.phrase, one.word) for one in language.BY_WORD.values() if one.phrase)
"""What can be done with an address or a name that was typed."""
_TYPED_SCORE = 0.01
"""What was typed and is no known name stands last."""


class Entry(NamedTuple):
    """One line of the palette."""

    text: str
    help: str
    act: Callable[[], Any]


class Finder(Provider):
    """Everything that can be done or gone to."""

    @property
    def _apdbg(self) -> "ApdbgApp":
        return cast("ApdbgApp", self.app)

    def _actions(self) -> Iterator[Entry]:
        for key in self._apdbg.table:
            if key.id != "palette":
                text = key.help[0].upper() + key.help[1:]
                yield Entry(text, key.shown, partial(self.app.run_action, key.action))
        for kind in self._apdbg.session.menu().kinds:
            act = partial(self._apdbg.action_inject, kind.name)
            yield Entry(f"Inject {kind.name} ...", kind.help, act)
        for panel in PANELS:
            if panel.id != "status":
                act = partial(self._apdbg.show_panel, panel.id)
                yield Entry(f"Show panel {panel.title}", "", act)

    def _places(self) -> Iterator[Entry]:
        app = self._apdbg
        for cpu in app.seen.cpus:
            words = f"Select cpu {cpu.id}"
            state = STATES[cpu.state].word
            yield Entry(words, f"{state}  {cpu.symbol}", partial(app.select_cpu, cpu.id))
        for name in app.names():
            yield Entry(f"Run to {name}", "", partial(app.order, f"until {name}"))
            yield Entry(f"Break at {name}", "", partial(app.order, f"break {name}"))
            yield Entry(f"Show code of {name}", "", partial(app.order, f"list {name}"))

    async def discover(self) -> Hits:
        """The actions, before anything is typed."""
        for entry in self._actions():
            yield DiscoveryHit(entry.text, entry.act, help=entry.help or None)

    async def search(self, query: str) -> Hits:
        """All that matches; a single word may also be a symbol that is not on the screen."""
        matcher = self.matcher(query)
        for entry in (*self._actions(), *self._places()):
            score = matcher.match(entry.text)
            if score > 0:
                shown = matcher.highlight(entry.text)
                yield Hit(score, shown, entry.act, text=entry.text, help=entry.help or None)
        if query and " " not in query.strip() and query not in self._apdbg.names():
            for words, order in _TYPED:
                act = partial(self._apdbg.order, f"{order} {query}")
                yield Hit(_TYPED_SCORE, f"{words} {query}", act, text=f"{words} {query}")
