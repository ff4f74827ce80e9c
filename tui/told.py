"""What a session in lines says of a run: a line for what happens on the way, and one sentence
for each stop. The words are the screen's."""

from collections.abc import Iterator
from typing import Final

from emu import Session
from emu.judge.judge import head
from emu.picture.sections import FindingView
from emu.picture.view import CpuView, EventView, MachineView
from tui.panels import cpus, status
from tui.panels.states import looks
from tui.text import clock, file_name

ON_THE_WAY: Final = ("milestone", "serial", "log", "state", "fault", "inject")
"""Kinds of events that a run is told by; a step is told all that it does."""
ONCE: Final = ("milestone", "fault")
"""Those that every CPU comes to: told of the first one that does, in each command."""
STEPS: Final = ("step", "next")
FIRST_TICKS: Final = 1_000_000
"""Instructions after which a run says that it goes on: then after twice as many, and so on."""
_PLAINLY: Final = ("off", "failed", "shutdown")
"""States of CPUs that wait for nothing: what is said of them is why."""


class Way:
    """What happens while one command is carried out, as lines. They are the same wherever the
    host's clock cuts the run into stretches."""

    def __init__(self, session: Session, command: str) -> None:
        """`command`: its word."""
        timeline = session.timeline
        self._session = session
        self._every = command in STEPS
        self._branch, self._branches = timeline.branch, frozenset(timeline.branches)
        self._told = session.machine.board.logs.events.now
        self._began = session.machine.board.tick
        self._due = FIRST_TICKS
        self._seen: set[str] = set()
        self._before = ("", "")
        """Who said what last, on the serial port."""
        self._logged: set[str] = set()
        """Lines of the guest's log that have not come on the serial port, too."""

    def lines(self) -> Iterator[str]:
        """What is new, between two stretches or behind the last one."""
        session = self._session
        if session.searching or self._elsewhere():
            return
        board = session.machine.board
        events = board.logs.events
        for event in events[self._told :]:
            yield from self._alive(event.tick - 1)
            yield from self._event(event)
        self._told = max(self._told, events.now)
        yield from self._alive(board.tick)

    def _elsewhere(self) -> bool:
        """Whether the machine was brought to another branch, not begun one."""
        branch = self._session.timeline.branch
        return branch is not self._branch and branch.name in self._branches

    def _alive(self, tick: int) -> Iterator[str]:
        while tick - self._began >= self._due:
            yield f"still running: tick {self._began + self._due:,}"
            self._due *= 2

    def _event(self, event: EventView) -> Iterator[str]:
        who = "host" if event.cpu is None else f"cpu {event.cpu}"
        said = f"{event.kind} {event.text}"
        if not self._every:
            if event.kind not in ON_THE_WAY or said in self._seen:
                return
            if event.kind in ONCE:
                self._seen.add(said)
            if event.kind == "serial" and self._before == (who, said):
                return
            self._before = who, said
            if event.kind == "log":
                self._logged.add(event.text)
            elif event.kind == "serial" and event.text in self._logged:
                self._logged.remove(event.text)
                return
        yield f"{who}: {event.text}"


def stopped(view: MachineView) -> str:
    """Why the machine stands still, when, what was found, and the CPU in focus: one line."""
    state, _ = status.state(view)
    rows = len(view.findings.rows)
    found = f", {rows:,} finding" + "s" * (rows != 1) if rows else ""
    moment = f"tick {view.tick:,}, {clock(view.virtual_ns)}{found}"
    return f"{state} at {moment}: {status.reason(view)}. {cpu_in_focus(view)}."


def cpu_in_focus(view: MachineView) -> str:
    """`cpu 2 is spinning at poll+0x6 (loop.S:62), waits for command == 1; next: pause`."""
    cpu = view.cpus[view.focus]
    place = "" if cpu.state in ("off", "wait-for-sipi") else f" at {cpus.where(cpu)}"
    line = f" ({file_name(cpu.line)})" if cpu.line else ""
    code = next((one for one in view.code if one.current and one.kind == "asm"), None)
    following = "" if code is None else f"; next: {code.text}"
    return f"cpu {cpu.id} is {looks(cpu).word}{place}{line}{_waits(cpu)}{following}"


def _waits(cpu: CpuView) -> str:
    if not cpu.waits:
        return ""
    return f": {cpu.waits}" if cpu.state in _PLAINLY else f", waits for {cpu.waits}"


def found(before: tuple[FindingView, ...], now: tuple[FindingView, ...]) -> list[str]:
    """The findings that were not there before."""
    return [f"{head(one, one.who)}: {one.text}" for one in now if one not in before]
