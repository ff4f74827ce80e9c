"""The words behind `apdbg`: commands and options, and what `--help` says."""

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any, Final, NoReturn

from emu.errors import ApdbgError
from emu.given.plain import plain
from tui.booted_options import (
    amount,
    count,
    group,
    loop_options,
    machine_options,
    seed,
    source_option,
)  # fmt: skip
from tui.printing import say

COMMANDS: Final = (
    "run", "record", "replay", "report", "profile", "compare", "campaign", "tour", "inspect",
    "what-if", "platform",
    "doctor", "completion",
)  # fmt: skip
SHELLS: Final = ("bash", "zsh", "fish")
OUTCOMES: Final = ("booted", "degraded", "hung", "crashed", "limit", "stopped")


class _Parser(argparse.ArgumentParser):
    """Usage errors are one sentence, as all errors of the user are."""

    def error(self, message: str) -> NoReturn:
        raise ApdbgError(f"{self.prog}: {message}")

    def print_help(self, file: object = None) -> None:
        """As everything is printed: argparse itself is silent about a full disk."""
        say(self.format_help().rstrip("\n"))


class _Version(argparse.Action):
    """`--version`: looked up only if somebody asks."""

    def __init__(self, **words: Any) -> None:
        super().__init__(nargs=0, help="show the version and exit", **words)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Say it and leave."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("apdbg")
        except PackageNotFoundError:
            found = "not installed"
        say(f"apdbg {found}")
        parser.exit()


def _campaign_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="?", help="static x86-64 ELF; default: the sample shim")
    add = parser.add_argument
    add("--file", metavar="FILE", help="what is expected; default: the samples' recovery.toml")
    add("--platform", metavar="NAME", help="only on this one")
    add("--only", default="", metavar="TEXT", help="only cases whose injections contain this")
    add("--cpus", type=count, default=4, metavar="N", help="default 4")
    add("--seed", type=seed, default=0, metavar="N", help="default 0")
    add("--kernel", metavar="ELF", help="what the shim jumps to; default: the sample kernel")
    add("--jobs", type=count, metavar="N", help="machines at a time; default: one a core")


def _version_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", action=_Version)


def _tour_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("lesson", nargs="?", default="", metavar="N|NAME", help="default: where you left it")
    add("--bare", action="store_true", help="only the question: nothing is opened for you")
    add("--list", action="store_true", help="only list the lessons, with what is done")


def _replay_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a recording")
    parser.add_argument("--image", metavar="ELF", help="the image, if it has moved")
    parser.add_argument("--kernel", metavar="ELF", help="the kernel, likewise")
    parser.add_argument("--check", action="store_true", help="only say whether it holds")
    parser.add_argument("--export", metavar="FILE", help="only write .html, .json or .md")


def _inspect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="an IGVM file, a DLL with one, or any other file")


def _platform_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("deed", choices=("new",), help="new: write a platform's file")
    parser.add_argument("file", nargs="?", metavar="NAME|FILE", help="default: print it")
    parser.add_argument(
        "--from", dest="source", default="tdx", metavar="PLATFORM",
        help="the one whose values it has: a name or a file; default tdx",
    )  # fmt: skip


def _completion_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def _recording_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", default="boot.apdbg")


def _report_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="default: print it")


def _profile_options(parser: argparse.ArgumentParser) -> None:
    add = group(parser, "what is told").add_argument
    add(
        "--section", action="append", default=[], metavar="NAME",
        help="only this one; may be given several times; default: all that logs tell",
    )  # fmt: skip
    add(
        "--secret", metavar="GPA+BYTES",
        help="whether these bytes can be seen: the boot is run again with others in their "
        "place; also cpu1:rbx",
    )  # fmt: skip
    add("-o", "--output", metavar="FILE", help="default: print it")


def _compare_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", help="a recording")
    parser.add_argument("second", help="the recording that it is compared with")


def _what_if_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("way", nargs="*", help="ways to bring CPUs up; default: all")
    add = parser.add_argument
    add("--cpus", metavar="N,N", default="4,16", help="numbers of CPUs; default: 4,16")
    add(
        "--own", type=amount, default=0, metavar="US",
        help="what each AP does before it reports, in microseconds",
    )  # fmt: skip
    add("--online", type=amount, default=0, metavar="US", help="what it does to come online")
    add(
        "--accept", type=count, default=256, metavar="MIB",
        help="memory that nobody has accepted, in the ways that accept some; default: 256",
    )  # fmt: skip
    add(
        "--small-pages", action="store_true",
        help="the host maps that memory in pages of 4 KiB and refuses to accept 2 MiB at once",
    )  # fmt: skip
    add(
        "--ends", action="store_true",
        help="also at both ends of every price's range: how far the answer depends on it",
    )  # fmt: skip
    add("--jobs", type=count, default=1, metavar="N", help="processes that share the runs")
    add("--svg", metavar="FILE", help="draw it too: time over CPUs")


def _screen_options(parser: argparse.ArgumentParser) -> None:
    add = group(parser, "the session").add_argument
    add("--record", metavar="FILE", help="write a recording all the while")
    add(
        "--web", type=count, metavar="PORT",
        help="the same screen in a browser of this machine (needs apdbg[web])",
    )  # fmt: skip


def _key_options(parser: argparse.ArgumentParser) -> None:
    add = group(parser, "the session").add_argument
    add("--keys", metavar="PRESET|FILE", help="gdb, windbg, vim, or a TOML file of keys")
    add("--fresh", action="store_true", help="forget layout and breakpoints of last time")


def _lines_option(parser: argparse.ArgumentParser) -> None:
    group(parser, "the session").add_argument(
        "--lines", action="store_true",
        help="no screen: commands at a prompt, and appended lines; for screen readers and logs",
    )  # fmt: skip


def _course_options(parser: argparse.ArgumentParser) -> None:
    add = group(parser, "how far, and how").add_argument
    add(
        "--until",
        metavar="PLACE",
        help="stop at a symbol, file:line, 'tick N' or 'serial TEXT'",
    )
    add("--script", metavar="FILE", help="commands to carry out first, one a line")
    add(
        "--watchdog", type=count, default=0, metavar="N",
        help="after N instructions without progress the boot counts as hung",
    )  # fmt: skip


def _race_option(parser: argparse.ArgumentParser) -> None:
    group(parser, "what is told").add_argument(
        "--races", action="store_true", help="also look for data races, by a second run"
    )


def _keep_option(parser: argparse.ArgumentParser) -> None:
    group(parser, "what is told").add_argument(
        "--keep", metavar="FILE", help="write what the image keeps for --persisted in the end"
    )


def _json_option(parser: argparse.ArgumentParser) -> None:
    group(parser, "what is told").add_argument(
        "--json", action="store_true", help="one JSON object, nothing else"
    )


def _outcome_option(parser: argparse.ArgumentParser) -> None:
    group(parser, "what is told").add_argument(
        "--expect", choices=OUTCOMES, help="the outcome that is exit code 0"
    )


_OPTIONS: Final[
    tuple[tuple[tuple[str, ...], Callable[[argparse.ArgumentParser], None]], ...]
] = (
    (("screen",), _version_option),
    (("replay",), _replay_options),
    (("tour",), _tour_options),
    (("inspect",), _inspect_options),
    (("platform",), _platform_options),
    (("campaign",), _campaign_options),
    (("completion",), _completion_options),
    (("compare",), _compare_options),
    (("what-if",), _what_if_options),
    (("screen", "run", "record", "report", "profile"), machine_options),
    (("screen", "run", "record", "report", "profile"), loop_options),
    (("screen", "run", "record", "report", "replay", "profile"), source_option),
    (("record",), _recording_option),
    (("report",), _report_option),
    (("screen",), _screen_options),
    (("screen", "replay", "tour"), _key_options),
    (("screen", "replay"), _lines_option),
    (("run", "record", "report", "profile"), _course_options),
    (("run", "report"), _race_option),
    (("run", "profile", "compare", "what-if", "campaign", "inspect"), _json_option),
    (("profile",), _profile_options),
    (("run",), _outcome_option),
    (("run",), _keep_option),
)
"""(Commands, options that they have), in the order of `--help`."""


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; the first word is a command, or the screen is meant."""
    name = words[0] if words and words[0] in COMMANDS else "screen"
    rest = list(words[1:] if name != "screen" else words)
    _refuse_nothing(name, rest)
    options = parser_of(name).parse_args(rest)
    options.command, options.words = name, words
    _keep_what_is_read(vars(options))
    return options


_READ: Final = (
    "image", "kernel", "initrd", "host_dtb", "sidecar", "reset", "symbols", "script", "ap_loop",
    "platform", "file",
)  # fmt: skip
_WRITTEN: Final = {
    "output": "-o", "record": "--record", "keep": "--keep", "export": "--export",
}  # fmt: skip
"""Options that name files; what is kept may take the place of what an earlier run has kept."""


def _keep_what_is_read(given: Mapping[str, Any]) -> None:
    """Nothing is written over what it is made of."""
    for written, option in _WRITTEN.items():
        output = str(given.get(written) or "")
        for name in _READ if output and os.path.exists(output) else ():
            value = given.get(name)
            for one in value if isinstance(value, list | tuple) else (value,):
                if one and os.path.exists(one) and os.path.samefile(one, output):
                    raise ApdbgError(f"{option} {plain(output)}: is read here, too")


def _refuse_nothing(name: str, rest: Sequence[str]) -> None:
    """An empty word is a variable of a shell that was not set: it would mean what stands there
    without it, and a boot of the sample is none of the image that was meant."""
    before = ""
    for word in rest:
        option, equals, given = word.partition("=")
        if word == "" or (equals and not given and option.startswith("--")):
            option = before if word == "" else option
            if option not in _MAY_BE_EMPTY:
                behind = f" behind {option}" if option.startswith("-") else ""
                shown = "apdbg" if name == "screen" else f"apdbg {name}"
                raise ApdbgError(f"{shown}: there is an empty word{behind}")
        before = word


_MAY_BE_EMPTY: Final = ("--cmdline",)


def parser_of(name: str) -> argparse.ArgumentParser:
    """What reads the words behind a command, or those of the screen."""
    shown = "apdbg" if name == "screen" else f"apdbg {name}"
    parser = _Parser(
        prog=shown, usage=USAGES.get(name), description=DESCRIPTIONS[name],
        epilog=_EPILOGS.get(name), formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    for names, add in _OPTIONS:
        if name in names:
            add(parser)
    return parser


_TOLD: Final = {
    "run": "Boot without a screen to power-off, hang, crash or limit, and say which.",
    "record": "Boot without a screen and write a recording of it.",
    "replay": "Open a recording at its end, with all its past.",
    "report": "Boot without a screen; say what happened as Markdown, for an issue tracker.",
    "tour": "Learn how APs are brought up, in lessons on the live machine.",
    "profile": "Boot without a screen, or replay a recording; say where the time went.",
    "compare": "Say how the time that the boots of two recordings took differs.",
    "what-if": "Bring CPUs up in other ways and say what each takes.",
    "campaign": "Break everything that the recovery file names, one boot each.",
    "inspect": "Say what any file is, what apdbg does with it, and what is missing; of an "
    "IGVM file, all that is in it and its launch digests.",
    "platform": "Write a platform's file with every key in it, and what each is.",
    "doctor": "Say what works on this machine, and what to type next.",
    "completion": "Write what makes a shell complete these words.",
}
"""What each command does."""
FIRST: Final = (
    ("apdbg tour", "learn how CPUs are brought up, in lessons on a live machine"),
    ("apdbg", "the sample shim on a screen: c boots it, s steps, ? explains"),
    ("apdbg gallery/no-ack", "one of the shims with a bug, or an image of your own"),
    ("apdbg replay demo", "a boot that lost a CPU, at its end and with all its past"),
    ("apdbg run [IMAGE]", "boot without a screen, and say how it went"),
    ("apdbg doctor", "what works here, and what to type next"),
)
"""What one wants first."""


def _rows(title: str, rows: Iterable[tuple[str, str]]) -> str:
    gap = " " * 24
    told = (fill(what, 84, initial_indent=f"  {word:22}", subsequent_indent=gap)
            for word, what in rows)  # fmt: skip
    return "\n".join([f"{title}:", *told])


DESCRIPTIONS: Final = {
    "screen": "Step every CPU of a booting machine.\n\n"
    + _rows("first", FIRST)
    + "\n\n"
    + _rows("commands (`apdbg COMMAND --help` has their options)", _TOLD.items()),
    **_TOLD,
}
USAGES: Final = {"screen": "apdbg [IMAGE] [options]\n       apdbg COMMAND ..."}
_EPILOGS: Final = {
    "run": """\
Exit codes: 0 as expected, 1 the guest did otherwise, broke a rule, or a CPU of it is
dead, stuck or lost; 2 bad input, 130 interrupted. A guest that leaves by the debug-exit
port 0xF4 says its own.""",
    "completion": """\
For this shell alone: eval "$(apdbg completion bash)", and the same with zsh; in fish:
apdbg completion fish | source. In the start-up file of the shell it is for good.""",
}
