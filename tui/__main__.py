"""The command line: `apdbg IMAGE` opens the screen, `apdbg run IMAGE` boots without one."""

import os
import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence

from emu.errors import ApdbgError
from tui.command_line import parse
from tui.exit_codes import (
    EXIT_BUG,
    EXIT_EXPECTED,
    EXIT_INTERRUPTED,
    EXIT_OTHERWISE,
    EXIT_USAGE,
)


def _carry_out(options: Namespace) -> int:
    """A command by its word; only what it needs is loaded."""
    match options.command:
        case "doctor":
            from tui import doctor

            text, healthy = doctor.report()
            print(text)
            return EXIT_EXPECTED if healthy else EXIT_OTHERWISE
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
                "run": headless.run, "record": headless.record, "campaign": headless.campaign
            }  # fmt: skip
            return commands[word](options)


def main(words: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit code, never a traceback for what users do."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        code = _carry_out(parse(sys.argv[1:] if words is None else words))
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


if __name__ == "__main__":
    sys.exit(main())
