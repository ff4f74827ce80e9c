"""Somebody looks at bytes of host memory: who reads and who writes them, and when.

The engine reports accesses by host-physical address, whatever alias the guest used, and the
guest's course is not changed by it. Changes that no instruction's store explains are found
by comparing: those of the VMM after an exit, those of a page walk (A and D bits) after a run.
"""

from functools import partial
from typing import Final, NamedTuple

from msgspec import Struct, field

from emu.hw.address import Hpa
from emu.hw.cpu import Cpu
from emu.machine.board import Board, Doing

ACCESSES_MAX: Final = 1 << 16
"""Accesses kept; of more, the newest."""


class Access(NamedTuple):
    """One access to the bytes that are looked at."""

    tick: int
    """The tick that the instruction ends; for a walk, one by which it has happened."""
    cpu: int | None
    doing: Doing
    before: bytes
    after: bytes
    """What the watched bytes held; equal for a read."""


class MemoryProbe(Struct):
    """One range of host memory that is looked at."""

    hpa: Hpa
    size: int
    reads: bool = False
    """Whether reads are told, too; writes always are."""
    last: bytes = b""
    found: list[Access] = field(default_factory=list)

    def attach(self, board: Board) -> None:
        """Begin to look."""
        self.last = board.memory.read(self.hpa, self.size)
        board.engine.watches.memory(
            self.hpa, self.size, self.reads, partial(self.touched, board)
        )

    def touched(
        self, board: Board, executed: int, hpa: int, size: int, stored: int | None
    ) -> None:
        """A guest instruction, the `executed`th since the engine began, loads or stores."""
        near = hpa < self.hpa + self.size and hpa + size > self.hpa
        if board.on_trial or not near:
            return
        before = board.memory.read(self.hpa, self.size)
        after = before if stored is None else self._stored(before, hpa, size, stored)
        self.last = after
        doing: Doing = "read" if stored is None else "write"
        _note(self.found, Access(board.tick + executed, board.at_work, doing, before, after))

    def compare(self, board: Board, doing: Doing) -> None:
        """Whether the bytes have changed without a store that was seen."""
        now = board.memory.read(self.hpa, self.size)
        if now != self.last:
            access = Access(board.tick, board.at_work, doing, self.last, now)
            _note(self.found, access)
            self.last = now

    def _stored(self, old: bytes, hpa: int, size: int, value: int) -> bytes:
        """The watched bytes after a store somewhere on them."""
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        first, last = max(hpa, self.hpa), min(hpa + size, self.hpa + self.size)
        return old[: first - self.hpa] + data[first - hpa : last - hpa] + old[last - self.hpa :]


class FirstLoad(Struct):
    """One range of host memory, and the first load from it: how far in, and the access."""

    hpa: Hpa
    size: int
    found: tuple[int, Access] | None = None

    def attach(self, board: Board) -> None:
        """Begin to look."""
        board.engine.watches.memory(self.hpa, self.size, True, partial(self.touched, board))

    def touched(
        self, board: Board, executed: int, hpa: int, size: int, stored: int | None
    ) -> None:
        """A guest instruction loads or stores."""
        near = hpa < self.hpa + self.size and hpa + size > self.hpa
        if board.on_trial or stored is not None or not near or self.found is not None:
            return
        held = board.memory.read(Hpa(hpa), size)
        access = Access(board.tick + executed, board.at_work, "read", held, held)
        self.found = max(hpa - self.hpa, 0), access

    def compare(self, board: Board, doing: Doing) -> None:
        """Loading changes nothing."""


class RegisterProbe(Struct):
    """One register, or CS's selector, of one CPU or (None) of every one: a change is seen when
    the CPU's next instruction begins."""

    cpu: int | None
    register: str
    last: dict[int, int | None] = field(default_factory=dict)
    """By CPU: what the register held; None for one that had not started."""
    retired: dict[int, int] = field(default_factory=dict)
    """By CPU: its own instructions when the engine ran last."""
    found: list[Access] = field(default_factory=list)

    def attach(self, board: Board) -> None:
        """Begin to look."""
        for cpu in board.cpus:
            if self.cpu in (None, cpu.id):
                self.last[cpu.id] = self._value(cpu)
        board.engine.watches.register(self.register, partial(self._begun, board))

    def _value(self, cpu: Cpu) -> int | None:
        if cpu.context is None:
            return None
        if self.register == "cs":
            return cpu.context.segment("cs").selector
        return cpu.context.get(self.register)

    def _begun(self, board: Board, executed: int, now: int) -> None:
        """The instruction before the one that begins has made another value."""
        cpu = board.at_work
        if cpu in self.last and not board.on_trial:
            assert cpu is not None, "None is no CPU's number"
            self._look(cpu, board.tick + executed - 1, now, "write", cpu)

    def compare(self, board: Board, doing: Doing) -> None:
        """Look at the register between two runs of the engine, and after an exit."""
        index = board.at_work
        for one in self.last if index is None else (index,):
            if one in self.last and board.cpus[one].context is not None:
                self._compare(board, board.cpus[one], doing)

    def _compare(self, board: Board, cpu: Cpu, doing: Doing) -> None:
        if doing == "walk":
            doing, self.retired[cpu.id] = "write", cpu.ticks
        # What an exit did belongs to its instruction, which may yet have to be executed.
        same = cpu.ticks == self.retired.get(cpu.id, 0)
        begun = doing == "host" and board.at_work is not None and same
        who = None if board.at_work is None else cpu.id
        self._look(cpu.id, board.tick + begun, self._value(cpu), doing, who)

    def _look(
        self, cpu: int, tick: int, now: int | None, doing: Doing, who: int | None
    ) -> None:
        last = self.last[cpu]
        if now == last:
            return
        self.last[cpu] = now
        if last is not None and now is not None:
            before, after = (value.to_bytes(8, "little") for value in (last, now))
            _note(self.found, Access(tick, who, doing, before, after))


class CodeProbe(Struct):
    """Linear addresses: which CPU executes there, and when."""

    addresses: frozenset[int]
    """Empty: everywhere."""
    cpu: int | None = None
    """None: any."""
    found: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(tick that the instruction ends, beat, CPU, address)."""

    def attach(self, board: Board) -> None:
        """Begin to look."""
        for address in sorted(self.addresses):
            board.engine.watches.code(address, address, partial(self._begun, board))
        if not self.addresses:
            board.engine.watches.code(1, 0, partial(self._begun, board))

    def _begun(self, board: Board, executed: int, address: int) -> None:
        cpu = board.at_work
        if board.on_trial or cpu is None or self.cpu not in (None, cpu):
            return
        self.found.append((board.tick + executed, board.beat, cpu, address))

    def compare(self, board: Board, doing: Doing) -> None:
        """Code is only executed by instructions."""


def _note(found: list[Access], access: Access) -> None:
    if len(found) >= ACCESSES_MAX:
        del found[: ACCESSES_MAX // 2]
    found.append(access)
