"""What people write, as reference: commands, words of others, keys, options, exit codes."""

import argparse
import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from emu.debug import catch
from emu.debug.aliases import OF, SETS, Alias
from emu.debug.commands import COMMANDS
from emu.debug.screen_words import SCREEN_WORDS
from emu.words.place import NAMED, SPACES
from tests.documents.markdown import code, plain, table
from tui import exit_codes
from tui.command_line import COMMANDS as PROGRAMS
from tui.command_line import parser_of
from tui.keymap import PRESETS
from tui.keys import KEYS, shown

_ROOT: Final = Path(__file__).parents[2]


def commands() -> str:
    """Every command of a session, in the order of `help`."""
    rows = (
        (code(one.usage), plain(one.help), "while it runs" if one.looks else "")
        for one in COMMANDS
    )
    return table(("command", "what it does", "can be asked"), rows)


def screen_words() -> str:
    """Commands that only a screen has."""
    rows = ((code(one.usage), plain(one.help)) for one in SCREEN_WORDS.values())
    return table(("command", "what it does"), rows)


def aliases() -> str:
    """Words of other debuggers, and what they stand for."""
    rows = [_alias(one, name) for name, words in OF.items() for one in words]
    return table(("word", "stands for", "of", "works"), rows)


def _alias(one: Alias, name: str) -> tuple[str, ...]:
    space = "" if one.glued or not one.usage else " "
    when = f"with `--keys {name}`" if one in SETS[name] else "always"
    return code(f"{one.word}{space}{one.usage}"), code(one.ours), name, when


def catches() -> str:
    """Kinds of `catch`, by where they are looked for."""
    rows = [
        *((code(kind), "an exit of that kind: `exits " + kind + "`") for kind in catch.EXITS),
        *(
            (code(kind), "an event of that kind: `events " + kind + "`")
            for kind in catch.EVENTS
        ),
        *(
            (code(kind), f"{' or '.join(code(one) for one in names)} of a CPU changes")
            for kind, names in catch.REGISTERS.items()
        ),
    ]
    return table(("catch", "stops at"), rows)


def places() -> str:
    """Words before a colon, and what they mean, from the explanations."""
    from emu.texts.explanations import explanations

    told = explanations("space", "en")
    rows = ((code(f"{one}:"), plain(told[one].text)) for one in (*SPACES, *NAMED))
    return table(("place", "means"), rows)


def keys() -> str:
    """Every action with its keys, in each preset."""
    rows = ((*_keys(one.id, one.keys), plain(one.help), code(one.id)) for one in KEYS)
    return table((*PRESETS, "does", "action in keys.toml"), rows)


def _keys(action: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """How an action is pressed in each preset; a dash where it is in the palette alone."""
    return tuple(
        " ".join(code(shown(key)) for key in preset.keys.get(action, usual)) or "-"
        for preset in PRESETS.values()
    )


def options() -> str:
    """Every option of every command of the program."""
    return "\n\n".join(_options(name) for name in ("screen", *PROGRAMS))


def _options(name: str) -> str:
    parser = parser_of(name)
    rows = [
        (code(_option(one)), plain(_help(one)))
        for one in parser._actions
        if one.help != argparse.SUPPRESS and "--help" not in one.option_strings
    ]
    head = f"### `{parser.prog}`\n\n{plain(parser.description or '')}"
    more = f"\n\n{plain(parser.epilog)}" if parser.epilog else ""
    return f"{head}\n\n{table(('option', 'means'), rows)}{more}" if rows else head + more


def _option(one: argparse.Action) -> str:
    value = "" if one.nargs == 0 else _value(one)
    names = ", ".join(one.option_strings)
    return f"{names} {value}".strip() if names else f"[{value}]" if one.nargs == "?" else value


def _value(one: argparse.Action) -> str:
    if one.choices is not None:
        return "|".join(str(word) for word in one.choices)
    return str(one.metavar or one.dest.upper())


def _help(one: argparse.Action) -> str:
    return one.help or ("a file" if one.metavar == "FILE" else "")


def exits() -> str:
    """The exit codes and what they mean."""
    rows = _constants(_ROOT / "tui" / "exit_codes.py")
    return table(
        ("code", "means"),
        ((code(str(getattr(exit_codes, name))), plain(words)) for name, words in rows),
    )


def _constants(path: Path) -> Iterable[tuple[str, str]]:
    """The constants of a file and what stands under them."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for one, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            said = below.value if isinstance(below, ast.Expr) else None
            yield one.target.id, str(said.value) if isinstance(said, ast.Constant) else ""
