"""The entry point: `apdbg` and `python -m tui`. Loading the program takes longest of what it
does, so it is loaded where a Ctrl+C is heard already."""

import sys
from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    try:
        from tui.program import carry_out

        return carry_out(sys.argv[1:] if words is None else words)
    except KeyboardInterrupt:
        from tui.exit_codes import EXIT_INTERRUPTED
        from tui.printing import complain

        complain("interrupted")
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
