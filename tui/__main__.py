"""The command line: `apdbg IMAGE` opens the screen, `apdbg run IMAGE` boots without one."""

import argparse
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from emu.errors import ApdbgError

if TYPE_CHECKING:
    from emu import Session

EXIT_EXPECTED: Final = 0
EXIT_OTHERWISE: Final = 1
EXIT_USAGE: Final = 2
EXIT_BUG: Final = 3
EXIT_INTERRUPTED: Final = 130

STRETCH_SECONDS: Final = 0.1
"""How long Ctrl-C may wait."""

GC_THRESHOLD: Final = (100_000, 50, 100)
"""Looking for cycles among the objects of a thousand CPUs takes as long as three frames, and
there are next to none."""

COMMANDS: Final = ("run", "record", "replay", "campaign", "doctor")
OUTCOMES: Final = ("booted", "degraded", "hung", "crashed", "limit", "stopped")


class _Parser(argparse.ArgumentParser):
    """Usage errors are one sentence, as all errors of the user are."""

    def error(self, message: str) -> NoReturn:
        raise ApdbgError(f"{self.prog}: {message}")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("apdbg")
    except PackageNotFoundError:
        return "not installed"


def _count(text: str) -> int:
    """A whole number above 0 with an optional `_` or `,` between digits, or 0x-hex."""
    try:
        value = int(text.replace(",", "_"), 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be above 0")
    return value


def _machine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="?", help="static x86-64 ELF; default: the sample shim")
    add = parser.add_argument
    add(
        "--platform",
        default="tdx",
        metavar="NAME|FILE",
        help="tdx, vbs, none, sipi or a TOML file",
    )
    add("--cpus", type=_count, metavar="N", help="1 to 2,048 CPUs")
    add("--memory", type=_count, metavar="MiB", help="guest memory")
    add("--seed", type=int, default=0, metavar="N", help="default 0")
    add("--kernel", metavar="ELF", help="what the shim jumps to; default: the sample kernel")
    add("--initrd", metavar="FILE")
    add("--cmdline", default="", metavar="TEXT", help="the shim's command line")
    add("--host-dtb", metavar="FILE", help="the host's device tree instead of a generated one")
    add("--schedule", default="", metavar="RULE", help="timed, or random SEED")
    add(
        "--inject",
        action="append",
        default=[],
        metavar="SPEC",
        help="break something: KIND ... [at MOMENT]; may be given several times",
    )
    add("--max-ticks", type=_count, metavar="N", help="stop after N instructions")


def _campaign_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="?", help="static x86-64 ELF; default: the sample shim")
    add = parser.add_argument
    add("--file", metavar="FILE", help="what is expected; default: the samples' recovery.toml")
    add("--platform", metavar="NAME", help="only on this one")
    add("--only", default="", metavar="TEXT", help="only cases whose injections contain this")
    add("--cpus", type=_count, default=4, metavar="N", help="default 4")
    add("--seed", type=int, default=0, metavar="N", help="default 0")
    add("--kernel", metavar="ELF", help="what the shim jumps to; default: the sample kernel")
    add("--jobs", type=_count, metavar="N", help="machines at a time; default: one a core")
    add("--json", action="store_true", help="one JSON object, nothing else")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; the first word is a command, or the screen is meant."""
    name = words[0] if words and words[0] in COMMANDS else "screen"
    rest = list(words[1:] if name != "screen" else words)
    shown = "apdbg" if name == "screen" else f"apdbg {name}"
    parser = _Parser(prog=shown, description=_DESCRIPTIONS[name], epilog=_EPILOGS.get(name))
    if name == "screen":
        parser.add_argument("--version", action="version", version=f"apdbg {_version()}")
    if name == "replay":
        parser.add_argument("file", help="a recording")
        parser.add_argument("--image", metavar="ELF", help="the image, if it has moved")
        parser.add_argument("--kernel", metavar="ELF", help="the kernel, likewise")
        parser.add_argument("--check", action="store_true", help="only say whether it holds")
        parser.add_argument("--export", metavar="FILE", help="only write .json or .html")
    elif name == "campaign":
        _campaign_options(parser)
    elif name != "doctor":
        _machine_options(parser)
    if name == "record":
        parser.add_argument("-o", "--output", metavar="FILE", default="boot.apdbg")
        parser.add_argument("--until", metavar="PLACE", help="stop at a symbol or file:line")
    if name == "screen":
        parser.add_argument("--record", metavar="FILE", help="write a recording all the while")
        parser.add_argument(
            "--web", type=_count, metavar="PORT",
            help="the same screen in a browser of this machine (needs apdbg[web])",
        )  # fmt: skip
    if name in ("screen", "replay"):
        parser.add_argument(
            "--keys", metavar="PRESET|FILE", help="gdb, windbg, vim, or a TOML file of keys"
        )
        parser.add_argument(
            "--fresh",
            action="store_true",
            help="forget layout and breakpoints of last time",
        )
    if name in ("run", "record"):
        parser.add_argument(
            "--watchdog", type=_count, default=0, metavar="N",
            help="after N instructions without progress the boot counts as hung",
        )  # fmt: skip
    if name == "run":
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")
        parser.add_argument(
            "--races", action="store_true", help="also look for data races, by a second run"
        )
        parser.add_argument("--until", metavar="PLACE", help="stop at a symbol or file:line")
        parser.add_argument(
            "--expect", choices=OUTCOMES, help="the outcome that is exit code 0"
        )
    options = parser.parse_args(rest)
    options.command, options.words = name, words
    return options


_DESCRIPTIONS: Final = {
    "screen": "Step every CPU of a booting machine. "
    "Also: apdbg run, record, replay, campaign, doctor.",
    "run": "Boot without a screen to power-off, hang, crash or limit, and say which.",
    "record": "Boot without a screen and write a recording of it.",
    "replay": "Open a recording at its end, with all its past.",
    "campaign": "Break everything that the recovery file names, one boot each.",
    "doctor": "Say what works on this machine.",
}
_EPILOGS: Final = {
    "run": "Exit codes: 0 as expected, 1 the guest did otherwise, 2 bad input, 130 interrupted."
}


def _open(options: argparse.Namespace) -> "Session":
    from emu import open_session

    return open_session(
        options.image, platform=options.platform, cpus=options.cpus, memory=options.memory,
        seed=options.seed, kernel=options.kernel, initrd=options.initrd,
        cmdline=options.cmdline, host_dtb=options.host_dtb, max_ticks=options.max_ticks,
        schedule=options.schedule, inject=options.inject,
        watchdog=getattr(options, "watchdog", 0),
    )  # fmt: skip


def _run(options: argparse.Namespace) -> int:
    """`apdbg run`: the report on stdout, and an exit code that says how it went."""
    from emu.debug import report

    began = time.perf_counter()
    session = _open(options)
    _carry_out(session, f"until {options.until}" if options.until else "run")
    found = report.of(session.desk, began, options.races)
    print(report.as_json(found) if options.json else report.as_text(found))
    expected = options.expect or ("stopped" if options.until else "booted")
    # Who asks for a certain outcome has it judged by that alone.
    broken = found.findings and not options.expect
    return EXIT_EXPECTED if found.outcome == expected and not broken else EXIT_OTHERWISE


def _campaign(options: argparse.Namespace) -> int:
    """`apdbg campaign`: a line for each case as it ends, then how many were as expected."""
    import json

    from emu.debug import campaign, recovery

    path = Path(options.file) if options.file else recovery.of_the_samples()
    cases = [
        case
        for case in recovery.read(path)
        if options.platform in (None, case.platform) and options.only in case.name
    ]
    if not cases:
        raise ApdbgError(f"{path}: no case is left by --platform and --only")
    began = time.perf_counter()
    wanted = campaign.Campaign(
        options.image, options.cpus, options.seed, options.kernel, tuple(cases)
    )
    results = []
    for result in campaign.run(wanted, options.jobs):
        results.append(result)
        if not options.json:
            print("\n".join(campaign.as_text(result)), flush=True)
    bad = sum(bool(result.problems) for result in results)
    wall = time.perf_counter() - began
    if options.json:
        cases_json = [campaign.as_json(result) for result in results]
        print(json.dumps({"schema": "apdbg-campaign/1", "bad": bad, "cases": cases_json,
                          "wall_s": round(wall, 3)}))  # fmt: skip
    else:
        print(f"\n{len(results)} cases, {bad} not as expected, {wall:.1f} s")
    return EXIT_OTHERWISE if bad else EXIT_EXPECTED


def _record(options: argparse.Namespace) -> int:
    """`apdbg record`: every stretch of the run is on the disk before the next begins."""
    from emu.debug import report

    began = time.perf_counter()
    session = _open(options)
    with open(options.output, "wb") as file:
        session.record(file)
        _carry_out(session, f"until {options.until}" if options.until else "run")
        if session.recorder is not None:
            session.recorder.end()
        size = file.tell()
    print(report.as_text(report.of(session.desk, began)))
    print(f"{options.output}: {size:,} bytes; `apdbg replay {options.output}` opens it")
    return EXIT_EXPECTED


def _replay(options: argparse.Namespace) -> int:
    """`apdbg replay`: what differs is said; then the screen, or an export, or only that."""
    from emu.debug import recording
    from emu.debug.opening import replay_session

    found = recording.read(Path(options.file))
    session, said = replay_session(found, options.image, options.kernel)
    for sentence in said:
        print(f"apdbg: {sentence}", file=sys.stderr)
    if options.export:
        print(session.do(f"export {options.export}").reply[0])
    if options.check:
        ticks = f"{session.machine.board.tick:,} instructions"
        print(f"{options.file}: {ticks}, digest {session.digest()}")
    if options.check or options.export:
        return (
            EXIT_OTHERWISE if any("drift" in sentence for sentence in said) else EXIT_EXPECTED
        )
    return _show(session, options)


def _carry_out(session: "Session", words: str) -> None:
    """A command, stretch by stretch: Ctrl-C is heard between two, never inside the emulator,
    where Python would have to swallow it."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        session.begin(words)
        while session.pump(STRETCH_SECONDS):
            if heard:
                raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _doctor(_options: argparse.Namespace) -> int:
    from tui.doctor import report

    text, healthy = report()
    print(text)
    return EXIT_EXPECTED if healthy else EXIT_OTHERWISE


def _screen(options: argparse.Namespace) -> int:
    if options.web:
        from tui import web

        return web.serve(options.words, options.web)
    _need_terminal()
    session = _open(options)
    if not options.record:
        return _show(session, options)
    with open(options.record, "wb") as file:
        session.record(file)
        code = _show(session, options)
        if session.recorder is not None:
            session.recorder.end()
    return code


def _need_terminal() -> None:
    if os.environ.get("TEXTUAL_DRIVER"):
        return  # a browser is at the other end
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise ApdbgError("the screen needs a terminal: `apdbg run` boots without one")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise ApdbgError(
            "the screen needs a terminal that can place text: TERM is dumb or unset"
        )


def _show(session: "Session", options: argparse.Namespace) -> int:
    _need_terminal()
    from platformdirs import user_config_path, user_state_path

    from tui import keymap
    from tui.app import open_screen
    from tui.last_session import Memory

    changes = keymap.read(options.keys, user_config_path("apdbg") / keymap.FILE_NAME)
    memory = Memory(user_state_path("apdbg"), session.desk.setup.image.sha256)
    if options.fresh:
        memory.path.unlink(missing_ok=True)
    return open_screen(session, changes, memory)


def _run_command(options: argparse.Namespace) -> int:
    commands = {
        "run": _run, "record": _record, "replay": _replay, "campaign": _campaign,
        "doctor": _doctor, "screen": _screen,
    }  # fmt: skip
    return commands[options.command](options)


def main(words: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit code, never a traceback for what users do."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    gc.set_threshold(*GC_THRESHOLD)
    try:
        code = _run_command(parse(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
        return code
    except ApdbgError as error:
        print(f"apdbg: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("apdbg: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except OSError as error:
        # What is still in the buffer cannot be written either: do not try again at exit.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        where = f"{error.filename}: " if error.filename else ""
        print(f"apdbg: {where}{error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    except Exception:
        traceback.print_exc()
        print("apdbg: this is a bug in apdbg; please report the lines above", file=sys.stderr)
        return EXIT_BUG
    finally:
        gc.freeze()  # what is left goes with the process: Python need not take it apart


if __name__ == "__main__":
    sys.exit(main())
