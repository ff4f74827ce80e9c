"""`help`: what the other commands do, and what can be injected."""

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines, focused
from emu.errors import CommandError
from emu.inject import menu
from emu.inject.menu_view import InjectionMenu


def help_on(others: tuple[Command, ...]) -> Command:
    """The command that explains all others, and itself."""
    known: dict[str, Command] = {}

    def begin(desk: Desk, word: str, kind: str) -> Lines:
        return _help(desk, known, word, kind)

    own = Command(
        "help",
        "Say what a command does, or a kind of injection; without a word, list all commands.",
        begin,
        (some_text("word", *(one.word for one in others)), some_text("kind")),
        aliases=("h",),
    )
    known.update((one.word, one) for one in (*others, own))
    return own


def _help(desk: Desk, known: dict[str, Command], word: str, kind: str) -> Lines:
    if word != "inject" and kind:
        raise CommandError(f"help {word}: one word is enough")
    if not word:
        return tuple(f"{one.usage:32}{one.help}" for one in known.values())
    found = menu.menu(desk.machine, focused(desk))
    if kind:
        return _kind(desk, found, kind, f"help inject: there is no {kind!r} to inject")
    full = {alias: one for one in known.values() for alias in one.aliases} | known
    command = full.get(word)
    if command is None:
        return _kind(desk, found, word, f"help: {word!r} is no command")
    also = (f"short: {', '.join(command.aliases)}",) if command.aliases else ()
    more = menu.help_lines(found) if command.word == "inject" else ()
    return (command.usage, command.help, *also, *more)


def _kind(desk: Desk, found: InjectionMenu, kind: str, lacking: str) -> Lines:
    """One kind of injection, and why the platform has no such thing; raises CommandError where
    none has the name."""
    known = found.kind(kind)
    if known is not None:
        return menu.kind_lines(known)
    other = menu.elsewhere(desk.machine, kind)
    if other is None:
        raise CommandError(lacking)
    return other
