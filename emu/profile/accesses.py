"""Every access of a branch, seen in a second run of it, on its way into what is made of it.
What is kept grows with the memory that CPUs share, not with how long they run."""

from msgspec import Struct

from emu.boot import disasm
from emu.hw.address import Hpa
from emu.machine.board import Board, Doing
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.every_access import AccessStream
from emu.machine.machine import Machine
from emu.profile.asks import Asks
from emu.profile.lines import LINE_BITS, LINE_BYTES, CacheLines, HostBytes, HowTouched


class SharedAccesses(Struct, eq=False):
    """A probe: what CPUs do to memory that others touch, too."""

    machine: Machine
    lines: CacheLines
    asks: Asks
    count: int = 0
    """Accesses seen."""
    _locked: dict[int, str] = {}
    """By address of an instruction: its mnemonic if it is locked, else nothing."""

    @classmethod
    def of(cls, machine: Machine) -> "SharedAccesses":
        """One that has seen nothing."""
        return cls(machine, CacheLines(machine), Asks(machine))

    def attach(self, board: Board) -> None:
        """Begin to look."""
        AccessStream(self).attach(board)

    def compare(self, board: Board, doing: Doing) -> None:
        """Only instructions are looked at."""

    def finish(self) -> None:
        """The machine stands where nothing more is looked at."""
        self.lines.finish(self.machine.board.now_ps())

    def touched(
        self, tick: int, cpu: int, address: int, hpa: int, size: int, stored: int | None
    ) -> None:
        """One access."""
        self.count += 1
        one = self.machine.board.cpus[cpu]
        ps = one.clock_ps + (tick - self.machine.board.tick) * one.ps_per_instruction
        place, stores = HostBytes(hpa, size), stored is not None
        changes = stored is not None and self._changes(place, stored)
        locked = self._locked.get(address)
        if locked is None:
            locked = self._locked[address] = self._mnemonic(cpu, address)
        access = HowTouched(stores, stores or bool(locked), changes)
        first = min(size, LINE_BYTES - hpa % LINE_BYTES)
        shared = self.lines.touch(cpu, address, HostBytes(hpa, first), ps, access)
        if size > first:
            rest = HostBytes(hpa + first, size - first)
            shared = self.lines.touch(cpu, address, rest, ps, access) or shared
        kept = hpa >> LINE_BITS in self.asks.kept
        if locked or shared or kept or cpu in self.asks.fresh:
            self.asks.touch((tick, ps), cpu, address, place, stored, locked, shared)

    def _changes(self, place: HostBytes, stored: int) -> bool:
        """Whether a store makes another value of what stands there; asked where it matters."""
        if not self.lines.shares(place.hpa):
            return True
        before = self.machine.board.memory.read(Hpa(place.hpa), place.size)
        return stored & (1 << 8 * place.size) - 1 != int.from_bytes(before, "little")

    def _mnemonic(self, cpu: int, address: int) -> str:
        """`xadd` of `lock xadd`; XCHG with memory is locked by itself (SDM 3A, 9.1.2.1)."""
        board = self.machine.board
        registers = board.cpus[cpu].registers
        data = board.virtual.most(registers, address, INSTRUCTION_BYTES)
        code = disasm.decode(data, address, registers.coding)
        if code is None or not code.memory:
            return ""
        if code.mnemonic.startswith("lock "):
            return code.mnemonic.removeprefix("lock ")
        return code.mnemonic if code.mnemonic == "xchg" else ""
