"""Completion as three shells want it written. What is completed comes from `tui.completion`."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol


class Value(Protocol):
    """What may stand at a place."""

    @property
    def words(self) -> tuple[str, ...]: ...
    @property
    def files(self) -> bool: ...


class Option(Protocol):
    """One option: its words, its help, and what it takes."""

    @property
    def words(self) -> tuple[str, ...]: ...
    @property
    def help(self) -> str: ...
    @property
    def value(self) -> Value | None: ...


class Syntax(Protocol):
    """What a command takes; the first one is what `apdbg` without a command takes."""

    @property
    def command(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def options(self) -> tuple[Option, ...]: ...
    @property
    def place(self) -> Value: ...


def _cases(table: tuple[Syntax, ...], write: Callable[[Value], str]) -> str:
    """What may stand behind an option's word, by command and word, as arms of a `case`."""
    arms: dict[str, list[str]] = {}
    for one in table:
        for option in one.options:
            if option.value is not None:
                patterns = [f'"{one.command} {word}"' for word in option.words]
                arms.setdefault(write(option.value), []).extend(patterns)
    return "\n".join(f"        {'|'.join(where)}) {what} ;;" for what, where in arms.items())


def _places(table: tuple[Syntax, ...], write: Callable[[Syntax], str]) -> str:
    return "\n".join(f"        {one.command}) {write(one)} ;;" for one in table)


def _commands(table: tuple[Syntax, ...]) -> tuple[Syntax, ...]:
    return table[1:]


def _list(words: Iterable[str]) -> str:
    return shlex.quote(" ".join(words))


def _flags(one: Syntax) -> list[str]:
    return [word for option in one.options for word in option.words]


# -- bash -----------------------------------------------------------------------------------

_BASH: Final = """\
# bash completion for apdbg: eval "$(apdbg completion bash)"
_apdbg() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} before=$((COMP_CWORD - 1)) command={screen}
    local words="" files="" flags=""
    COMPREPLY=()
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ ${{COMP_WORDS[before]}} == "=" ]]; then
        before=$((before - 1))
    fi
    if ((COMP_CWORD > 1)); then
        case ${{COMP_WORDS[1]}} in
            {commands}) command=${{COMP_WORDS[1]}} ;;
        esac
    fi
    case "$command ${{COMP_WORDS[before]}}" in
{values}
        *)
            case $command in
{places}
            esac
            ((COMP_CWORD == 1)) && words="$words {listed}"
            [[ $cur == -* ]] && words=$flags
            ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    [[ -n $files ]] || compopt +o default +o bashdefault 2>/dev/null
}}
complete -o bashdefault -o default -F _apdbg apdbg
"""


def bash(table: tuple[Syntax, ...]) -> str:
    """Names are completed by the function, files by readline where no name begins so."""

    def value(one: Value) -> str:
        return f"words={_list(one.words)} files={'yes' if one.files else shlex.quote('')}"

    commands = [one.command for one in _commands(table)]
    return _BASH.format(
        screen=table[0].command, commands="|".join(commands), listed=" ".join(commands),
        values=_cases(table, value),
        places=_places(table, lambda one: f"{value(one.place)} flags={_list(_flags(one))}"),
    )  # fmt: skip


# -- zsh ------------------------------------------------------------------------------------

_ZSH: Final = """\
#compdef apdbg
# zsh completion for apdbg: eval "$(apdbg completion zsh)" behind compinit
_apdbg() {{
    local command={screen} files=""
    local -a names flags subcommands
    subcommands=({subcommands})
    ((CURRENT > 2)) && case $words[2] in
        {commands}) command=$words[2] ;;
    esac
    case "$command $words[CURRENT-1]" in
{values}
        *)
            case $command in
{places}
            esac
            ((CURRENT == 2)) && _describe -t commands command subcommands
            if [[ $PREFIX == -* ]]; then
                _describe -o -t options option flags
                return
            fi
            ;;
    esac
    (($#names)) && compadd -a names
    [[ -n $files ]] && _files
    return 0
}}
if [[ ${{funcstack[1]}} == _apdbg ]]; then  # a file of this name in $fpath
    _apdbg "$@"
elif (($+functions[compdef])); then
    compdef _apdbg apdbg
fi
"""


def _described(pairs: Iterable[tuple[str, str]]) -> str:
    return " ".join(shlex.quote(f"{word}:{told}") for word, told in pairs)


def zsh(table: tuple[Syntax, ...]) -> str:
    """Commands and options with what they are."""

    def value(one: Value) -> str:
        names = " ".join(map(shlex.quote, one.words))
        return f"names=({names}) files={'yes' if one.files else shlex.quote('')}"

    def place(one: Syntax) -> str:
        told = ((word, option.help) for option in one.options for word in option.words)
        return f"{value(one.place)} flags=({_described(told)})"

    commands = _commands(table)
    return _ZSH.format(
        screen=table[0].command, commands="|".join(one.command for one in commands),
        subcommands=_described((one.command, one.help) for one in commands),
        values=_cases(table, value), places=_places(table, place),
    )  # fmt: skip


# -- fish -----------------------------------------------------------------------------------


def fish(table: tuple[Syntax, ...]) -> str:
    """A line for each command, place and option."""
    commands = " ".join(one.command for one in _commands(table))
    rows = ["# fish completion for apdbg: apdbg completion fish | source",
            "complete -c apdbg -f"]  # fmt: skip
    for one in table:
        alone = one is table[0]
        when = "not __fish_seen_subcommand_from" if alone else "__fish_seen_subcommand_from"
        condition = f"-n {shlex.quote(f'{when} {commands if alone else one.command}')}"
        if not alone:
            first = f"-n {shlex.quote('__fish_is_first_token')}"
            rows.append(f"complete -c apdbg {first} -a {one.command} -d {_fish(one.help)}")
        if one.place.words or one.place.files:
            rows.append(f"complete -c apdbg {condition} {_fish_value(one.place)}")
        for option in one.options:
            words = " ".join(_fish_word(word) for word in option.words)
            value = "" if option.value is None else f" -r {_fish_value(option.value)}"
            told = f" -d {_fish(option.help)}" if option.help else ""
            rows.append(f"complete -c apdbg {condition} {words}{value}{told}")
    return "\n".join(rows) + "\n"


def _fish(text: str) -> str:
    """A text in single quotes: fish has but two escapes there."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _fish_word(word: str) -> str:
    return f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}"


def _fish_value(one: Value) -> str:
    files = "-F" if one.files else "-f"
    return f"{files} -a {_fish(' '.join(one.words))}" if one.words else files


SCRIPTS: Final[Mapping[str, Callable[[tuple[Syntax, ...]], str]]] = {
    "bash": bash, "zsh": zsh, "fish": fish,
}  # fmt: skip
