"""Where a front end looks: what `mem`, `walk`, `tables`, `npt`, `dtb`, `list` and the filters
of the logs were given last. Looking is no part of the timeline."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from emu.hw.cpu import Cpu
from emu.judge.judge import Judge
from emu.judge.verdict import Verdict
from emu.judge.wait_facts import facts
from emu.judge.waiting import WaitWords
from emu.machine.event import Event
from emu.machine.folds import FoldedLog
from emu.machine.logs import Logs
from emu.machine.machine import Machine
from emu.picture.findings import findings_view
from emu.picture.log import Matches
from emu.picture.log_views import LOGGED, LogLook, LogView
from emu.picture.memory import memory_view, seen
from emu.picture.nested import nested_view
from emu.picture.regions import regions_view
from emu.picture.registers import pointers
from emu.picture.sections import (
    OFF,
    CpusLook,
    DtbLook,
    FindingsView,
    MemoryLook,
    MemoryView,
    NestedLook,
    ProfileView,
    RegionsLook,
    StackView,
    TablesLook,
    WalkLook,
)
from emu.picture.tables import tables_view
from emu.picture.tree import dtb_view
from emu.picture.view import CodeLook, Section, Sections
from emu.picture.walk import walk_view
from emu.timeline.timeline import Timeline
from emu.unwind.frame import FindsFrames, Frame


class Looks(Struct):
    """The looks, and which of them a picture is to answer."""

    wanted: frozenset[Section] = frozenset()
    words: str = "gdb"
    """Whose words people type (`emu.debug.aliases`)."""
    explained: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What a front end explains itself, by word: its panels and keys."""
    notices: list[str] = field(default_factory=list)
    """What a front end has said beside the pictures, the newest last."""
    window: tuple[int, int] | None = None
    """The ticks that the timeline shows; None for all that is known."""
    cpus: CpusLook = field(default_factory=CpusLook)
    code: CodeLook = field(default_factory=CodeLook)
    memory: MemoryLook = field(default_factory=MemoryLook)
    walk: WalkLook = field(default_factory=WalkLook)
    tables: TablesLook = field(default_factory=TablesLook)
    nested: NestedLook = field(default_factory=NestedLook)
    dtb: DtbLook = field(default_factory=DtbLook)
    log: LogLook = field(default_factory=LogLook)
    exits: LogLook = field(default_factory=LogLook)
    logged: LogLook = LOGGED
    regions: RegionsLook = field(default_factory=RegionsLook)
    _matches: dict[str, Matches] = field(default_factory=dict)
    _bytes: dict[int, int | None] = field(default_factory=dict)
    """What the memory that is looked at held at the last stop."""
    _found: tuple[object, FindingsView] = (None, OFF)
    """The findings, and of which moment they are."""
    _frame: tuple[int, int, int, int] = (0, 0, 0, 0)
    """CPU, tick, beat, and the number of the frame that is looked at as long as it is so."""
    _unwinder: tuple[Machine, FindsFrames] | None = None
    _waits: tuple[Machine, WaitWords] | None = None
    _profile: Any = None

    def sections(
        self, machine: Machine, timeline: Timeline, focus: Cpu, wanted: frozenset[Section]
    ) -> Sections:
        """The views of what is wanted."""
        found: dict[str, Any] = {
            name: _BUILD[name](self, machine, timeline, focus) for name in wanted
        }
        return Sections(**found)

    def remember(self, machine: Machine, focus: Cpu) -> None:
        """A command begins: what is seen now is what changes are marked against."""
        wants = "memory" in self.wanted
        self._bytes = seen(self.memory_view(machine, focus)) if wants else {}

    def memory_view(self, machine: Machine, focus: Cpu) -> MemoryView:
        """The memory that is looked at."""
        return memory_view(machine, focus, self.memory, self._bytes)

    def unwinder(self, machine: Machine) -> FindsFrames:
        """What finds the frames of a machine's CPUs; the same as before for the same one."""
        if self._unwinder is None or self._unwinder[0] is not machine:
            from emu.unwind.unwinder import Unwinder  # most sessions ask for no frames

            self._unwinder = machine, Unwinder(machine.board)
        return self._unwinder[1]

    def wait_words(self, machine: Machine) -> WaitWords:
        """What is known of the loops that a machine's CPUs wait in."""
        if self._waits is None or self._waits[0] is not machine:
            self._waits = machine, WaitWords(machine)
        return self._waits[1]

    def look_at_frame(self, machine: Machine, cpu: Cpu, number: int) -> None:
        """Look at a frame of a CPU, until the machine moves."""
        self._frame = cpu.id, machine.board.tick, machine.board.beat, number

    def frame_number(self, machine: Machine, cpu: Cpu) -> int:
        """Which frame of a CPU is looked at; 0 is the one that it executes."""
        now = cpu.id, machine.board.tick, machine.board.beat
        return self._frame[3] if self._frame[:3] == now else 0

    def frame(self, machine: Machine, cpu: Cpu) -> Frame | None:
        """The frame that is looked at, if it is another than the one that a CPU executes."""
        number = self.frame_number(machine, cpu)
        found = self.unwinder(machine).told(cpu).frames if number else ()
        return found[number] if number < len(found) else None

    def code_look(self, machine: Machine, cpu: Cpu) -> CodeLook:
        """Which code is looked at: a place, a frame's, or where a CPU is."""
        frame = None if self.code.where else self.frame(machine, cpu)
        if frame is None:
            return self.code
        name = f"frame {frame.number} {frame.symbol.partition('+')[0]}".rstrip()
        return replace(self.code, where=f"{frame.address:#x}", frame=name)

    def stack_view(self, machine: Machine, focus: Cpu) -> StackView:
        """The stack of the CPU in focus."""
        from emu.picture.stack import stack_view

        return stack_view(machine, focus, self.unwinder(machine).told(focus))

    def profiled(self) -> Any:
        """The profile as it was made last."""
        if self._profile is None:
            from emu.picture.profile import ProfileLook  # most sessions never ask for it

            self._profile = ProfileLook()
        return self._profile

    def profile_view(self, machine: Machine, timeline: Timeline) -> ProfileView:
        """The section of the profile that is looked at."""
        found: ProfileView = self.profiled().view(machine, timeline.branch.name)
        return found

    def findings(self, judge: Judge, verdict: Verdict | None) -> FindingsView:
        """What the rules say; the same as before for as long as nothing was noted."""
        moment = judge, *judge.noted, verdict
        if self._found[0] != moment:
            self._found = moment, findings_view(judge, verdict)
        return self._found[1]

    def log_view(self, logs: Logs, name: str, most: int | None = None) -> LogView:
        """What `log`, `exits` or `logged` is narrowed to. `most`: look through so many."""
        look: LogLook = getattr(self, name)
        events: FoldedLog[Event] = logs.exits if name == "exits" else logs.events
        found = self._matches.get(name)
        if found is None or not look.same_filter(found.look) or found.log is not events:
            found = self._matches[name] = Matches(look, events)
        return found.view(look) if most is None else found.view(look, most)


_BUILD: dict[str, Callable[[Looks, Machine, Timeline, Cpu], Any]] = {
    "memory": lambda looks, machine, _, focus: looks.memory_view(machine, focus),
    "walk": lambda looks, machine, _, focus: walk_view(machine, focus, looks.walk),
    "tables": lambda looks, machine, _, focus: tables_view(machine, focus, looks.tables),
    "nested": lambda looks, machine, timeline, _: nested_view(machine, timeline, looks.nested),
    "dtb": lambda looks, machine, *_: dtb_view(machine, looks.dtb),
    "waits": lambda looks, machine, *_: tuple(facts(machine, words=looks.wait_words(machine))),
    "stack": lambda looks, machine, _, focus: looks.stack_view(machine, focus),
    "pointers": lambda _, machine, __, focus: pointers(machine, focus),
    "log": lambda looks, machine, *_: looks.log_view(machine.board.logs, "log"),
    "exits": lambda looks, machine, *_: looks.log_view(machine.board.logs, "exits"),
    "logged": lambda looks, machine, *_: looks.log_view(machine.board.logs, "logged"),
    "regions": lambda looks, machine, *_: regions_view(machine.board, looks.regions),
    "profile": lambda looks, machine, timeline, _: looks.profile_view(machine, timeline),
}
"""Section -> what makes its view."""
