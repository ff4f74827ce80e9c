"""`help`: what a word means: a command, a register, a rule, whatever can be explained."""

from emu.debug.aliases import aliases
from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines, focused
from emu.debug.explain import explain
from emu.debug.screen_words import SCREEN_WORDS
from emu.errors import CommandError
from emu.inject import menu


def help_on(others: tuple[Command, ...]) -> Command:
    """The command that explains all others, and itself."""
    known: dict[str, Command] = {}

    def begin(desk: Desk, word: str, kind: str) -> Lines:
        return _help(desk, known, word, kind)

    own = Command(
        "help",
        "Say what a word means: a command, register, rule, state, ...; also `?WORD`, `WORD?`; "
        "without a word, list all commands.",
        begin,
        (some_text("word", *(one.word for one in others)), some_text("kind")),
        looks=True,
    )
    known.update((one.word, one) for one in (*others, own))
    return own


def _help(desk: Desk, known: dict[str, Command], word: str, kind: str) -> Lines:
    if kind and word != "inject":
        raise CommandError(f"help {word}: one word is enough")
    if not word:
        return _list(desk, known)
    if not kind:
        return explain(desk, known, word)
    found = menu.menu(desk.machine, focused(desk)).kind(kind)
    if found is not None:
        return menu.kind_lines(found)
    other = menu.elsewhere(desk.machine, kind)
    if other is None:
        raise CommandError(f"help inject: there is no {kind!r} to inject")
    return other


def _list(desk: Desk, known: dict[str, Command]) -> Lines:
    """Every command and every word for one."""
    screen = (f"{one.usage:30}  {one.help}" for one in SCREEN_WORDS.values())
    words = ", ".join(aliases(desk.looks.words))
    return (
        *(f"{one.usage:30}  {one.help}" for one in known.values()),
        "on the screen:", *screen,
        f"other words for these, of gdb, WinDbg and vim (set {desk.looks.words}): {words}",
    )  # fmt: skip
