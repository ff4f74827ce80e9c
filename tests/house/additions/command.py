"""A command: its word, what it takes, its help, and what it does."""

from emu import open_session

NEW = {
    "emu/debug/commands/greet.py": '''\
"""`greet`: good morning."""

from typing import Final

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines


def _greet(desk: Desk, whom: str) -> Lines:
    return (f"good morning, {whom}: it is tick {desk.machine.board.tick}",)


GREET: Final = Command(
    "greet", "Say good morning.", _greet, (some_text("whom", "moon", "world", default="you"),)
)
''',
}
LINES = {
    "emu/debug/commands/__init__.py": (
        ("    goto,\n", "    greet,\n"),
        ("    findings.RACES,\n", "    greet.GREET,\n"),
    ),
}


def uses() -> None:
    from emu.debug.language import parse
    from tui.completing import complete, explain
    from tui.sources import Sources

    session = open_session(platform="none", cpus=2)
    assert session.do("greet").reply == ("good morning, you: it is tick 0",)
    assert str(parse("greet moon")) == "greet moon"
    assert session.do("help greet").reply == (
        "greet WHOM", "Say good morning.", "  whom: moon, world",
    )  # fmt: skip
    assert any(line.startswith("greet WHOM") for line in session.do("help").reply)
    sources = Sources(session)
    assert complete("gre", sources) == "greet"
    assert complete("greet m", sources) == "greet moon"
    assert explain("greet ", sources) == "Say good morning."
