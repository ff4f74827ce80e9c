"""The command line: `apdbg IMAGE` opens the screen, `apdbg run IMAGE` boots without one."""

import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence

from emu.errors import ApdbgError
from tui import printing
from tui.command_line import parse
from tui.exit_codes import (
    EXIT_BUG,
    EXIT_EXPECTED,
    EXIT_INTERRUPTED,
    EXIT_OTHERWISE,
    EXIT_USAGE,
)
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
        case "inspect":
            from emu.debug import inspection

            found, igvm = inspection.inspect(options.file)
            json = options.json
            say(inspection.as_json(found) if json else inspection.as_text(found, igvm))
            return EXIT_EXPECTED
        case "screen" if options.web:
            from tui import web

            return web.serve(options.words, options.web)
        case "screen":
            from tui import start_screen

            return start_screen.screen(options)
        case "replay":
            from tui import replay

            return replay.replay(options)
        case word:
            from tui import headless

            commands = {
                "run": headless.run, "record": headless.record,
                "report": headless.written_report, "campaign": headless.campaign,
            }  # fmt: skip
            return commands[word](options)


def main(words: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit code, never a traceback for what users do."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        printing.prepare()
        code = _carry_out(_parsed(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
        return code
    except ApdbgError as error:
        complain(str(error))
        return EXIT_USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        return EXIT_INTERRUPTED
    except OSError as error:
        printing.give_up()
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror}")
        return EXIT_USAGE
    except Exception:
        printing.show_bug(traceback.format_exc())
        return EXIT_BUG


def _parsed(words: Sequence[str]) -> Namespace | None:
    """What was asked for; None if that was help or the version, which have been printed."""
    try:
        return parse(words)
    except SystemExit:
        return None


if __name__ == "__main__":
    sys.exit(main())
