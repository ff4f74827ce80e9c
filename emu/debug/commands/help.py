"""`help`: what a word means: a command, a register, a rule, whatever can be explained."""

from emu.debug.aliases import aliases
from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines
from emu.debug.explain import everything, meanings
from emu.debug.screen_words import SCREEN_WORDS
from emu.texts.language import language
from emu.texts.meaning import LINE_CELLS, told
from emu.texts.wrapping import wrapped


def help_on(others: tuple[Command, ...]) -> Command:
    """The command that explains all others, and itself."""
    known: dict[str, Command] = {}

    def begin(desk: Desk, words: str) -> Lines:
        return _help(desk, known, words)

    own = Command(
        "help",
        "Say what a word means: a command, register, bit, call, status, rule, state, ...; also "
        "`?WORD`, `WORD?`; without a word, list all that can be explained.",
        begin,
        (some_text("word", *(one.word for one in others), rest=True),),
        looks=True,
    )
    known.update((one.word, one) for one in (*others, own))
    return own


def _help(desk: Desk, known: dict[str, Command], words: str) -> Lines:
    if not words:
        return _list(desk, known)
    found = meanings(desk, known, words)
    return tuple(line for one in found for line in told(one, language()))


def _list(desk: Desk, known: dict[str, Command]) -> Lines:
    """Every command, every word for one, and all words that are explained."""
    screen = (f"{one.usage:30}  {one.help}" for one in SCREEN_WORDS.values())
    words = ", ".join(aliases(desk.looks.words))
    return (
        *(f"{one.usage:30}  {one.help}" for one in known.values()),
        "on the screen:", *screen,
        f"other words for these, of gdb, WinDbg and vim (set {desk.looks.words}): {words}",
        *(
            row for one in everything(desk, known)[2:]
            for row in (f"{one.word}:", *_rows(", ".join(one.see)))
        ),
    )  # fmt: skip


def _rows(text: str) -> Lines:
    return tuple(f"  {row}" for row in wrapped(text, LINE_CELLS - 2))
