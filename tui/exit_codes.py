"""What the command leaves behind for a shell."""

from typing import Final

EXIT_EXPECTED: Final = 0
EXIT_OTHERWISE: Final = 1
"""The guest did something else than was expected."""
EXIT_USAGE: Final = 2
"""What the user gave was wrong, and a sentence says what."""
EXIT_BUG: Final = 3
"""apdbg itself was wrong."""
EXIT_INTERRUPTED: Final = 130
