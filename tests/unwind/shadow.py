"""The oracle of backtraces: who called whom, noted while each instruction is executed.

A CALL that leaves its own place pushes (where it returns to, RSP before it); a RET to the
newest of them takes it away; MOV, LEA or XOR to RSP begins a stack on which nobody has called
anybody yet. Nothing here looks at memory.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from emu.boot.disasm import decode, family
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.timeline.driver import Driver
from emu.timeline.moment import Moment
from emu.unwind.frame import Backtrace
from emu.unwind.unwinder import Unwinder

Calls = list[tuple[int, int]]
"""(return address, RSP before the call), the outermost first."""


class _Seen(NamedTuple):
    """A CPU before an instruction."""

    ticks: int
    rip: int
    rsp: int
    code: bytes
    mode: str


class Shadow:
    """The open calls of every CPU of a machine that is driven one instruction at a time."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.board: Board = driver.machine.board
        self.calls: dict[int, Calls] = {cpu.id: [] for cpu in self.board.cpus}
        self._before = {cpu.id: self._look(cpu) for cpu in self.board.cpus}

    def _look(self, cpu: Cpu) -> _Seen | None:
        if cpu.context is None:
            return None
        now = cpu.context
        return _Seen(cpu.ticks, now.rip, now.get("rsp"), self.board.code_bytes(cpu), now.coding)

    def step(self) -> list[Cpu]:
        """One instruction; the CPUs that stand elsewhere behind it, none at the end."""
        tick = self.board.tick
        self._driver.drive(Moment(tick + 1))
        if self.board.tick == tick:
            return []
        moved = []
        for cpu in self.board.cpus:
            before, now = self._before[cpu.id], self._look(cpu)
            if before == now or now is None:
                continue
            moved.append(cpu)
            self._before[cpu.id] = now
            if before is None or now.ticks < before.ticks:
                self.calls[cpu.id].clear()
            elif now.ticks == before.ticks + 1:
                self._executed(self.calls[cpu.id], before, now)
        return moved

    def _executed(self, calls: Calls, before: _Seen, now: _Seen) -> None:
        code = decode(before.code, before.rip, before.mode)
        if code is None:
            return
        behind = before.rip + code.size
        target = family(code.operands.split(",")[0])
        if code.kind == "call" and now.rsp == before.rsp - 8 and now.rip != behind:
            calls.append((behind, before.rsp))
        elif code.kind == "ret" and calls and now.rip == calls[-1][0]:
            calls.pop()
        elif code.mnemonic in ("mov", "lea", "xor") and target == "rsp":
            calls.clear()


def found(backtrace: Backtrace) -> Calls:
    """What a backtrace says, in the oracle's terms."""
    return [(frame.address, frame.rsp) for frame in reversed(backtrace.frames[1:])]


def compared(
    driver: Driver, every: int, most: int, first: int = 0
) -> Iterator[tuple[Backtrace, Calls]]:
    """Backtraces of whoever moved, at every so manieth tick from `first` to `most`, each with
    what is true."""
    shadow, unwinder = Shadow(driver), Unwinder(driver.machine.board)
    while shadow.board.tick < most:
        moved = shadow.step()
        if not moved:
            return
        if shadow.board.tick >= first and shadow.board.tick % every == 0:
            for cpu in moved:
                yield unwinder.frames(cpu), shadow.calls[cpu.id]


def counted(
    driver: Driver, every: int, most: int, first: int = 0
) -> tuple[Counter[str], list[str]]:
    """(frames by what they were found by, backtraces that are wrong, in words)."""
    by, wrong = Counter[str](), list[str]()
    for backtrace, true in compared(driver, every, most, first):
        by.update(frame.how for frame in backtrace.frames[1:])
        if found(backtrace) != true:
            names = [frame.symbol for frame in backtrace.frames]
            wrong.append(f"tick {driver.machine.board.tick}: {names}, {backtrace.ending}")
    return by, wrong
