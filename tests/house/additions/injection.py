"""An injection: what it takes, and what it breaks."""

from emu import open_session

NEW = {
    "emu/inject/cpu/hiccup.py": '''\
"""A CPU that loses one microsecond."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU


def _carry_out(given: Given) -> None:
    given.cpu.clock_ps += 1_000_000
    given.machine.board.event(given.cpu, "state", "has the hiccups")


KIND = InjectionKind("hiccup", "the CPU loses a microsecond", (CPU,), _carry_out, "2")
''',
}
LINES = {
    "emu/inject/cpu/__init__.py": (
        ("    flip_register,\n", "    hiccup,\n"),
        ("take_away.KIND, unplug.KIND,", " hiccup.KIND,"),
    ),
}


def uses() -> None:
    session = open_session(platform="none", cpus=3)
    menu = session.menu()
    assert menu.kind("hiccup") is not None
    session.do("inject hiccup 1 at mailbox_wait cpu 1")
    assert session.do("run").outcome == "booted"
    assert session.do("events has the hiccups").reply[-1].startswith("1 of ")
    assert session.view().entries[0].fate == "fired"
