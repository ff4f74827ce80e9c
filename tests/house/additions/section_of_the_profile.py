"""A section of the profile: a fold over the logs, told with all the others."""

from tests.guest import boot

NEW = {
    "emu/profile/odometer.py": '''\
"""How many events each CPU has had."""

from msgspec import Struct

from emu.profile.basis import Basis
from emu.profile.told import SectionLines


class Odometer(Struct, frozen=True):
    """By CPU."""

    events: tuple[int, ...]

    def lines(self) -> SectionLines:
        """One row."""
        return (f"events: {self.events}",)


def odometer(basis: Basis) -> Odometer:
    """Up to now."""
    board = basis.machine.board
    whose = [one.cpu for one in board.logs.events]
    return Odometer(tuple(whose.count(cpu.id) for cpu in board.cpus))
''',
}
LINES = {
    "emu/profile/profile.py": (
        ("import critical\n", "from emu.profile.odometer import odometer\n"),
        (
            '"logs", times),\n',
            '    SectionKind("odometer", "events of CPUs", "logs", odometer),\n',
        ),
    ),
}


def uses() -> None:
    session = boot("nop\nhlt", cpus=2)
    session.do("run")
    rows = session.do("profile odometer").reply
    assert rows[-1].startswith("events: (")
