"""Lines that CPUs monitor, and the CPUs that wait by MWAIT for a store to theirs.

A line that is armed lies in a tracked page, so every store to it is seen, one that leaves the
bytes as they were, too. Sources: SDM 2, MONITOR and MWAIT; SDM 3, 10.10.4 (MONITOR/MWAIT
instruction).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import Struct

from emu.boot.mwait import Depth, entered
from emu.hw import interrupt
from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Cpu
from emu.hw.page_walk import SHARED_BIT
from emu.hw.paging import walk_context
from emu.machine.board import Board
from emu.machine.log import WakeCause
from emu.machine.tracked import PageStore, TrackedPages
from emu.machine.waits import Waits
from emu.vmm import asked as ask
from emu.vmm import effects as fx
from emu.vmm.cpuid import LINE_BYTES, has_monitor

_UNDEFINED: Final = 6
_INTERRUPTS_BREAK: Final = 1
"""MWAIT, RCX: an interrupt ends it even if it is masked."""
_READ: Final = 1 << 2
"""Error code of a load that the nested table refuses: there every access is a user's."""


class MonitoredLine(Struct, frozen=True):
    """A line that a CPU monitors."""

    page: Gpa
    hpa: Hpa
    """Where it begins."""
    gva: int
    """The linear address that MONITOR was given, anywhere in it."""


class SavedMonitors(NamedTuple):
    """What Monitors were at one moment."""

    armed: dict[int, MonitoredLine]
    asleep: dict[int, Depth]


class Monitors:
    """By CPU: what it monitors, and how deep it sleeps."""

    def __init__(self, board: Board, tracked: TrackedPages, waits: Waits) -> None:
        self._board, self._tracked, self._waits = board, tracked, waits
        self.armed: dict[int, MonitoredLine] = {}
        self.asleep: dict[int, Depth] = {}

    def save(self) -> SavedMonitors:
        """A copy, for `load`; protection is that of tracked pages."""
        return SavedMonitors(dict(self.armed), dict(self.asleep))

    def load(self, saved: SavedMonitors) -> None:
        """Be again what `save` saw."""
        self.armed, self.asleep = dict(saved.armed), dict(saved.asleep)
        self._note_pages()

    def _note_pages(self) -> None:
        self._board.monitored = frozenset(one.page for one in self.armed.values())

    # -- arming -----------------------------------------------------------------------------

    def arm(self, cpu: Cpu, gva: int) -> None:
        """MONITOR of an address that can be read: its line, and none that was armed before."""
        self.disarm(cpu)
        board = self._board
        hpa = board.virtual.hpa(cpu.registers, gva)
        page = None if hpa is None else board.ram.page_at(hpa)
        if hpa is None or page is None:
            return  # no memory that is cached: such a line may not be armed
        inside = hpa % LINE_BYTES
        self.armed[cpu.id] = MonitoredLine(page, Hpa(hpa - inside), gva)
        self._tracked.add(page, "monitor")
        self._note_pages()
        # Whoever stores there again and again while it waits does so unseen, asleep.
        for index, wait in list(self._waits.waiting.items()):
            if any(board.ram.page_at(place) == page for place, _ in wait.loop.stores):
                self._waits.wake(board.cpus[index], cpu.clock_ps, "disturbed")

    def disarm(self, cpu: Cpu) -> None:
        """Nothing is monitored any more."""
        old = self.armed.pop(cpu.id, None)
        if old is None:
            return
        if not any(one.page == old.page for one in self.armed.values()):
            self._tracked.remove(old.page, "monitor")
        self._note_pages()

    def forget(self, cpu: Cpu) -> None:
        """The CPU is about to do something else: it neither monitors nor sleeps."""
        self.disarm(cpu)
        self.asleep.pop(cpu.id, None)

    # -- sleeping and waking ----------------------------------------------------------------

    def sleep(self, cpu: Cpu, depth: Depth) -> None:
        """MWAIT, where nothing keeps the CPU from it."""
        self.asleep[cpu.id] = depth
        self._board.turn(cpu, "mwait")

    def wake(self, cpu: Cpu, moment_ps: int, why: WakeCause, by: int | None = None) -> None:
        """A CPU goes on behind its MWAIT, if it is in one, as long after a moment as leaving
        its depth takes."""
        depth = self.asleep.pop(cpu.id, None)
        self.disarm(cpu)
        if depth is None:
            return
        board = self._board
        start = max(cpu.clock_ps, moment_ps)
        goes_on = start + board.platform.leaving_ps(cpu.id, depth)
        board.go_on(cpu, goes_on, why, by, start if by is None else moment_ps)
        board.turn(cpu, "running")
        board.reschedule = True

    def stored(self, store: PageStore) -> None:
        """Bytes of a tracked page are other ones now."""
        if not self.armed:
            return
        now = self._board.memory.read(store.hpa, len(store.before))
        pairs = enumerate(zip(store.before, now, strict=True))
        places = {page_line(store.hpa + at) for at, (old, new) in pairs if old != new}
        self._triggered(store.cpu, places)

    def touched(self, cpu: Cpu | None, hpa: Hpa, count: int) -> None:
        """A store to a page with such a line, whatever it has changed."""
        first, last = page_line(hpa), page_line(hpa + count - 1)
        self._triggered(cpu, set(range(first, last + 1, LINE_BYTES)))

    def _triggered(self, writer: Cpu | None, lines: set[int]) -> None:
        board = self._board
        if board.on_trial:
            return
        moment = board.now_ps() if writer is None else writer.clock_ps
        for index in sorted(index for index, one in self.armed.items() if one.hpa in lines):
            by = None if writer is None else writer.id
            self.wake(board.cpus[index], moment, "monitored", by)


def page_line(hpa: int) -> int:
    """Where the line of a byte begins."""
    return hpa - hpa % LINE_BYTES


# -- what MONITOR and MWAIT come to ----------------------------------------------------------

Nested = Callable[[Board, Cpu, int, int, int | None], fx.Effects]
"""What becomes of an access that the nested table refuses: error code, GPA, linear address."""


def answer(
    board: Board, cpu: Cpu, asked: ask.Monitor | ask.Mwait, nested: Nested
) -> fx.Effects:
    """What a CPU at CPL 0 gets; at any other the emulator itself finds them undefined. In a TD
    they are its own where CPUID offers them, and undefined where not (intel/tdx-module,
    `init_td_vmcs_exec_control_field`, `tdx_td_dispatcher`)."""
    name = "monitor" if isinstance(asked, ask.Monitor) else "mwait"
    if not has_monitor(board.caller(cpu)):
        return (fx.RaiseException(_UNDEFINED, None, f"{name} is not offered"),)
    known = 0 if isinstance(asked, ask.Monitor) else _INTERRUPTS_BREAK
    if asked.extensions & ~known:
        why = f"#GP: {name} with extensions {asked.extensions:#x}, which are reserved"
        return (fx.RaiseException(interrupt.GENERAL, 0, why),)
    if isinstance(asked, ask.Monitor):
        return _refused(board, cpu, asked.address, nested) or (
            fx.Complete(), fx.ArmMonitor(asked.address),
        )  # fmt: skip
    depth = entered(board.platform.mwait, asked.hint)
    return fx.Complete(), fx.MonitorWait(depth, bool(asked.extensions))


def _refused(board: Board, cpu: Cpu, gva: int, nested: Nested) -> fx.Effects:
    """What a load of that byte would raise; nothing if it may be made."""
    found = walk_context(board.memory, board.npt, cpu.registers, gva)
    last = found.levels[-1] if found.levels else None
    if found.verdict == "ok":
        return ()
    if found.verdict == "not canonical":
        why = f"#GP: monitor of {gva:#x}, which is not canonical"
        return (fx.RaiseException(interrupt.GENERAL, 0, why),)
    if found.verdict == "page fault":
        if board.is_td and last is not None and last.reserved == 1 << SHARED_BIT:
            return ()  # the walk knows 40 bits; in a TD that bit asks for the shared view
        why = f"#PF: monitor of {gva:#x}: {found.why}"
        return (
            fx.RaiseException(
                interrupt.PAGE_FAULT, found.error_code, why, fault_address=gva
            ),
        )  # fmt: skip
    gpa = found.gpa if found.gpa is not None else last.entry_gpa if last is not None else 0
    return nested(board, cpu, _READ, gpa, gva)
