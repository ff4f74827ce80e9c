"""A section: something that a picture has if a front end wants to see it."""

from tests.guest import boot

NEW = {
    "emu/picture/odometer.py": '''\
"""How far each CPU has come."""

from emu.machine.machine import Machine
from emu.picture.sections import OdometerView


def odometer_view(machine: Machine) -> OdometerView:
    """As of now."""
    return OdometerView(tuple(cpu.ticks for cpu in machine.board.cpus))
''',
}
LINES = {
    "emu/picture/sections.py": (
        (
            'OFF: Final = FindingsView((), 0, "")\n"""Nothing is checked."""\n',
            '''

class OdometerView(Struct, frozen=True):
    """How many instructions each CPU has executed."""

    ticks: tuple[int, ...]
''',
        ),
    ),
    "emu/picture/view.py": (
        ("    NestedView,\n", "    OdometerView,\n"),
        ('"regions", "profile"', ', "odometer"'),
        ("    exits: LogView | None = None\n", "    odometer: OdometerView | None = None\n"),
    ),
    "emu/picture/looks.py": (
        (
            "from emu.picture.nested import nested_view\n",
            "from emu.picture.odometer import odometer_view\n",
        ),
        (
            'looks.log_view(machine.board.logs, "exits"),\n',
            '    "odometer": lambda _, machine, *__: odometer_view(machine),\n',
        ),
    ),
}


def uses() -> None:
    session = boot("nop\nnop\nhlt", cpus=2)
    session.do("run")
    assert session.view().sections.odometer is None
    session.looks.wanted = frozenset({"odometer"})
    found = session.view().sections.odometer
    assert found is not None and found.ticks == (3, 3)
