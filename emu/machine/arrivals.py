"""A CPU comes to an address that matters: a milestone, a vector, a place that is waited for."""

from typing import Protocol

from msgspec import Struct

from emu.boot.roles import NamedPoint, Role
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.event import Milestone
from emu.machine.handover import at_mailbox, loop_start
from emu.machine.lap import Loop


class Passed(Struct, frozen=True):
    """A CPU is about to execute at an address that matters."""

    address: int
    arrives: bool = False
    """It was woken to there."""
    reached: NamedPoint | None = None
    """The named point that it has reached with that; None if it was there already."""


class ArrivalListener(Protocol):
    """Who is told of a CPU that comes to one of these addresses."""

    def passed(self, cpu: Cpu, passed: Passed) -> None:
        """It is about to execute there."""


class Arrivals:
    """What happens where the engine stops for the machine's own sake."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.listeners: tuple[ArrivalListener, ...] = ()
        board.addresses.watch("milestone", frozenset(board.roles.points))

    def save(self) -> frozenset[int]:
        """Where wake-ups lead, for `load`."""
        return self._board.addresses.of("vector")

    def load(self, saved: frozenset[int]) -> None:
        """Be again what `save` saw."""
        self._board.addresses.watch("vector", saved)

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
        board = self._board
        cpu.skip = address
        if address not in board.addresses.silent:
            return  # a breakpoint of the user's, or a step by hand: nobody of ours cares
        arrives = address in board.addresses.of("vector") and board.aps.is_called(cpu.id)
        if arrives and self._stand(cpu, ("arrived",)):
            tell(board, cpu, "arrived")
        point = board.roles.points.get(address)
        reached = None if point is None or not self._reach(cpu, point) else point
        for listener in self.listeners:
            listener.passed(cpu, Passed(address, arrives, reached))

    def waits(self, cpu: Cpu, loop: Loop) -> None:
        """A CPU begins to sleep in a loop; an AP that does so at the mailbox is parked."""
        board = self._board
        if at_mailbox(board, loop):
            at = loop_start(cpu, loop)
            if board.aps.waited(cpu.id, at, board.tick, cpu.nanoseconds):
                tell(board, cpu, "parked")

    def _reach(self, cpu: Cpu, point: NamedPoint) -> bool:
        """Whether a CPU has come to a named point of the boot. One that is stopped there comes
        by once more when it goes on."""
        board = self._board
        if point.silent or cpu.milestone == point.name:
            return point.silent and self._stand(cpu, point.roles)
        board.beat += 1
        cpu.milestone = point.name
        told = Milestone(point.name, point.roles)
        board.event(cpu, "milestone", f"reaches {point.name}", told)
        self._stand(cpu, point.roles)
        if "os-entry" in point.roles:
            # RSI holds boot_params there (Linux 64-bit boot protocol).
            board.boot_params = cpu.registers.get("rsi")
        return True

    def _stand(self, cpu: Cpu, roles: tuple[Role, ...]) -> bool:
        return self._board.aps.reached(cpu.id, roles, self._board.tick, cpu.nanoseconds)


def tell(board: Board, cpu: Cpu, role: Role) -> None:
    """A CPU was seen to play a role for which the images have no place."""
    if not board.roles.of(role):
        cpu.milestone = role
        board.event(cpu, "milestone", f"reaches {role}", Milestone(role, (role,)))
