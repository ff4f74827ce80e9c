"""The command line: `apdbg IMAGE` opens the screen, `apdbg run IMAGE` boots without one."""

import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence

from emu.errors import ApdbgError
from tui import printing, signals
from tui.command_line import parse
from tui.exit_codes import EXIT_BUG, EXIT_EXPECTED, EXIT_OTHERWISE, EXIT_USAGE
from tui.printing import complain, say


def _carry_out(options: Namespace | None) -> int:
    """A command by its word; only what it needs is loaded."""
    if options is None:
        return EXIT_EXPECTED
    match options.command:
        case "doctor":
            from tui import doctor

            text, healthy = doctor.report()
            say(text)
            return EXIT_EXPECTED if healthy else EXIT_OTHERWISE
        case "completion":
            from tui import completion

            say(completion.script(options.shell).rstrip("\n"))
            return EXIT_EXPECTED
        case "inspect":
            from emu.debug import inspection

            found, igvm = inspection.inspect(options.file)
            if options.json:
                printing.say_json(inspection.as_json(found))
            else:
                say(inspection.as_text(found, igvm))
            return EXIT_EXPECTED
        case "platform":
            from tui import platform_command

            return platform_command.platform(options)
        case "screen" if options.web:
            from tui import web

            return web.serve(options.words, options.web)
        case "screen":
            from tui import start_screen

            return start_screen.screen(options)
        case "tour":
            from tui import tour_command

            return tour_command.tour(options)
        case "replay":
            from tui import replay

            return replay.replay(options)
        case "profile" | "compare" | "what-if" as word:
            from tui import profiled, what_if

            told = {
                "profile": profiled.profile, "compare": profiled.compare,
                "what-if": what_if.what_if,
            }  # fmt: skip
            return told[word](options)
        case word:
            from tui import headless

            commands = {
                "run": headless.run, "record": headless.record,
                "report": headless.written_report, "campaign": headless.campaign,
            }  # fmt: skip
            return commands[word](options)


def carry_out(words: Sequence[str]) -> int:
    """Carry out a command line; returns the exit code, never a traceback for what users do.
    Raises KeyboardInterrupt for a signal that asks to end."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with signals.handled(signals.end):
            printing.prepare()
            code = _carry_out(_parsed(words))
            sys.stdout.flush()
            return code
    except ApdbgError as error:
        complain(str(error))
        return EXIT_USAGE
    except BrokenPipeError:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.raise_signal(signal.SIGPIPE)
        return EXIT_USAGE
    except OSError as error:
        printing.give_up()
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror}")
        return EXIT_USAGE
    except ModuleNotFoundError as error:
        if _is_ours(error.name or ""):
            printing.show_bug(traceback.format_exc())
            return EXIT_BUG
        complain(f"the package of {error.name} is not installed: pip install apdbg brings it")
        return EXIT_USAGE
    except Exception:
        printing.show_bug(traceback.format_exc())
        return EXIT_BUG


def _is_ours(module: str) -> bool:
    """Whether a module comes with apdbg itself, or with Python."""
    top = module.partition(".")[0]
    return top in ("emu", "tui") or top in sys.stdlib_module_names


def _parsed(words: Sequence[str]) -> Namespace | None:
    """What was asked for; None if that was help or the version, which have been printed."""
    try:
        return parse(words)
    except SystemExit:
        return None
