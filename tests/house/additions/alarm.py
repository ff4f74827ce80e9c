"""An alarm: a part that comes due in virtual time, whatever the CPUs do."""

from emu import open_session

NEW = {
    "emu/machine/chime.py": '''\
"""A clock that strikes every 100 microseconds."""

from emu.machine.board import Board

EVERY_PS = 100_000_000


class Chime:
    """One of the alarms."""

    def __init__(self) -> None:
        self.struck = 0

    def save(self) -> int:
        """Everything, for `load`."""
        return self.struck

    def load(self, saved: int) -> None:
        """Be again what `save` saw."""
        self.struck = saved

    def due_ps(self, _: Board) -> int | None:
        """The next stroke."""
        return (self.struck + 1) * EVERY_PS

    def ring(self, board: Board) -> None:
        """Strike."""
        self.struck += 1
        board.event(None, "state", f"the clock strikes {self.struck}")
''',
}
LINES = {
    "emu/machine/machine.py": (
        (
            "from emu.machine.build import board_of\n",
            "from emu.machine.chime import Chime\n",
        ),
        (
            "        self.timers = Timers(board, self.waits, self.monitors)\n",
            "        self.chime = Chime()\n",
        ),
        ("(self.injected, self.store_buffers, self.timers", ", self.chime"),
    ),
    "emu/machine/snapshot.py": (
        ("machine.monitors, machine.witness,\n", "        machine.chime,\n"),
    ),
}


def uses() -> None:
    session = open_session(platform="none", cpus=2)
    session.do("run")
    end, struck = session.machine.board.tick, session.machine.chime.struck
    strokes = session.do("events the clock strikes").reply
    assert len(strokes) == struck + 1 > 2
    session.do("goto 0")
    assert session.machine.chime.struck == 0
    session.do(f"goto {end}")
    assert session.do("events the clock strikes").reply == strokes
