"""What the command leaves behind for a shell."""

from typing import Final

EXIT_EXPECTED: Final = 0
"""What was asked for was done, and the guest did what was expected."""
EXIT_OTHERWISE: Final = 1
"""The guest did something else than was expected, broke a rule, or a CPU of it is dead, stuck
or lost; a recording drifted; a case of a campaign ended otherwise."""
EXIT_USAGE: Final = 2
"""What the user gave was wrong, or output cannot be written; a sentence says what."""
EXIT_BUG: Final = 3
"""apdbg itself was wrong."""
EXIT_INTERRUPTED: Final = 130
"""Ctrl+C, SIGTERM, SIGHUP, or a terminal that vanished."""
