"""A part of a machine: it is given the board, is told of what it asks for, and saves itself."""

from emu import open_session

NEW = {
    "emu/machine/hearsay.py": '''\
"""How often something was told of each CPU."""

from emu.hw.cpu import Cpu
from emu.machine.board import Board


class Hearsay:
    """Counts events."""

    def __init__(self, board: Board) -> None:
        self.told = {cpu.id: 0 for cpu in board.cpus}

    def save(self) -> dict[int, int]:
        """Everything, for `load`."""
        return dict(self.told)

    def load(self, saved: dict[int, int]) -> None:
        """Be again what `save` saw."""
        self.told = dict(saved)

    def heard(self, cpu: Cpu | None, text: str) -> None:
        """An event is in the log."""
        if cpu is not None:
            self.told[cpu.id] += 1
''',
}
LINES = {
    "emu/machine/machine.py": (
        (
            "from emu.machine.guards import Guards\n",
            "from emu.machine.hearsay import Hearsay\n",
        ),
        (
            "        self.timers = Timers(board, self.waits, self.monitors)\n",
            "        self.hearsay = Hearsay(board)\n",
        ),
        ("board.listeners = (self.injected,", " self.hearsay,"),
    ),
    "emu/machine/snapshot.py": (
        ("machine.monitors, machine.witness,\n", "        machine.hearsay,\n"),
    ),
}


def uses() -> None:
    session = open_session(platform="none", cpus=2)
    for words in ("run", "goto 3000", "run 20000", "goto 0"):
        session.do(words)
        board = session.machine.board
        told = [sum(event.cpu == cpu.id for event in board.logs.events) for cpu in board.cpus]
        assert list(session.machine.hearsay.told.values()) == told, words
