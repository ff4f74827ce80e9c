"""A word of an expression: its value for a CPU."""

from tests.guest import boot

NEW: dict[str, str] = {}
LINES = {
    "emu/words/expression.py": (
        (
            '    "tick": lambda machine, _: machine.board.tick,\n',
            '    "own_ticks": lambda _, focus: focus.ticks,\n',
        ),
    ),
}


def uses() -> None:
    session = boot("start: nop\nagain: nop\njmp again", cpus=2)
    session.do("break again if own_ticks >= 5")
    session.do("run")
    assert session.do("print own_ticks").reply[0].endswith("5")
