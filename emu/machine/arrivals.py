"""A CPU comes to an address that matters: a milestone, a vector, a place that is waited for."""

from typing import Final, Protocol

from emu.boot.milestones import MILESTONES, NamedPoint
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.event import Milestone

KERNEL_ENTRY: Final = "kernel_start"
"""The milestone at which RSI holds boot_params (Linux 64-bit boot protocol)."""


class ArrivalListener(Protocol):
    """Who is told of a CPU that comes to one of these addresses."""

    def passed(self, cpu: Cpu, address: int, milestone: str) -> None:
        """It is about to execute there; `milestone`: the one that it has just reached, if it
        has."""


class Arrivals:
    """What happens where the engine stops for the machine's own sake."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.milestones = {
            address: milestone
            for milestone in MILESTONES
            for address in board.layout.symbols.find(milestone.symbol)
        }
        self.listeners: tuple[ArrivalListener, ...] = ()
        board.addresses.watch("milestone", frozenset(self.milestones))

    def stops_at(self, cpu: Cpu, address: int) -> bool:
        """A place is passed; whether it is one where this CPU is to stop."""
        self.pass_(cpu, address)
        stops = self._board.addresses.stops
        if address not in stops:
            return False
        cpus = stops[address]
        return cpus is None or cpu.id in cpus

    def pass_(self, cpu: Cpu, address: int) -> None:
        """A CPU is about to execute the instruction at an address, breakpoint or not."""
        cpu.skip = address
        if address not in self._board.addresses.silent:
            return  # a breakpoint of the user's, or a step by hand: nobody of ours cares
        milestone = self.milestones.get(address)
        # A CPU that is stopped at a milestone comes by once more when it goes on.
        reached = milestone is not None and cpu.milestone != milestone.symbol
        if milestone is not None and reached:
            self._reach(cpu, milestone)
        for listener in self.listeners:
            listener.passed(cpu, address, cpu.milestone if reached else "")

    def _reach(self, cpu: Cpu, milestone: NamedPoint) -> None:
        """A CPU is at a named point of the boot."""
        board = self._board
        board.beat += 1
        cpu.milestone, cpu.phase = milestone.symbol, milestone.phase
        board.event(cpu, "milestone", f"reaches {cpu.milestone}", Milestone(cpu.milestone))
        board.protocol.milestone(cpu.id, cpu.milestone, board.tick, cpu.nanoseconds)
        if cpu.milestone == KERNEL_ENTRY:
            board.boot_params = cpu.registers.get("rsi")
