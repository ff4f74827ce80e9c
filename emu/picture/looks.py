"""Where a front end looks: what `mem`, `walk`, `tables`, `npt`, `dtb`, `list` and the filters
of the logs were given last. Looking is no part of the timeline."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from emu.judge.waiting import facts
from emu.picture.findings import findings_view
from emu.picture.log import Matches
from emu.picture.memory import memory_view, seen
from emu.picture.nested import nested_view
from emu.picture.sections import (
    OFF,
    DtbLook,
    FindingsView,
    LogLook,
    LogView,
    MemoryLook,
    MemoryView,
    NestedLook,
    TablesLook,
    WalkLook,
)
from emu.picture.tables import tables_view
from emu.picture.tree import dtb_view
from emu.picture.view import CodeLook, Section, Sections
from emu.picture.walk import walk_view

if TYPE_CHECKING:
    from emu.debug.session import Session


class Looks(Struct):
    """The looks, and which of them a picture is to answer."""

    wanted: frozenset[Section] = frozenset()
    window: tuple[int, int] | None = None
    """The ticks that the timeline shows; None for all that is known."""
    cpus: str = ""
    code: CodeLook = field(default_factory=CodeLook)
    memory: MemoryLook = field(default_factory=MemoryLook)
    walk: WalkLook = field(default_factory=WalkLook)
    tables: TablesLook = field(default_factory=TablesLook)
    nested: NestedLook = field(default_factory=NestedLook)
    dtb: DtbLook = field(default_factory=DtbLook)
    log: LogLook = field(default_factory=LogLook)
    exits: LogLook = field(default_factory=LogLook)
    _matches: dict[str, Matches] = field(default_factory=dict)
    _bytes: dict[int, int | None] = field(default_factory=dict)
    """What the memory that is looked at held at the last stop."""
    _found: tuple[object, FindingsView] = (None, OFF)
    """The findings, and of which moment they are."""

    def sections(self, session: "Session") -> Sections:
        """The views of what is wanted."""
        found: dict[str, Any] = {name: _BUILD[name](self, session) for name in self.wanted}
        return Sections(**found)

    def remember(self, session: "Session") -> None:
        """A command begins: what is seen now is what changes are marked against."""
        wants = "memory" in self.wanted
        self._bytes = seen(self.memory_view(session)) if wants else {}

    def memory_view(self, session: "Session") -> MemoryView:
        """The memory that is looked at."""
        machine = session.machine
        return memory_view(machine, machine.cpus[session.focus], self.memory, self._bytes)

    def findings(self, session: "Session") -> FindingsView:
        """What the rules say; the same as before for as long as nothing was noted."""
        log = session.machine.logs.observed
        moment = session.judge, log, log.now, log.known_count, session.verdict
        if self._found[0] != moment:
            self._found = moment, findings_view(session)
        return self._found[1]

    def log_view(self, session: "Session", name: str, most: int | None = None) -> LogView:
        """The events that one of the two logs is narrowed to. `most`: look through so many."""
        look: LogLook = getattr(self, name)
        machine = session.machine
        events = machine.logs.events if name == "log" else machine.logs.exits
        found = self._matches.get(name)
        if found is None or found.look != look or found.log is not events:
            found = self._matches[name] = Matches(look, events)
        return found.view() if most is None else found.view(most)


_BUILD: dict[str, Callable[[Looks, "Session"], Any]] = {
    "memory": lambda looks, session: looks.memory_view(session),
    "walk": lambda looks, session: walk_view(
        session.machine, session.machine.cpus[session.focus], looks.walk
    ),
    "tables": lambda looks, session: tables_view(
        session.machine, session.machine.cpus[session.focus], looks.tables
    ),
    "nested": lambda looks, session: nested_view(
        session.machine, session.timeline, looks.nested
    ),
    "dtb": lambda looks, session: dtb_view(session.machine, looks.dtb),
    "waits": lambda looks, session: tuple(facts(session.machine)),
    "log": lambda looks, session: looks.log_view(session, "log"),
    "exits": lambda looks, session: looks.log_view(session, "exits"),
}
"""Section -> what makes its view."""
