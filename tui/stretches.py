"""A command without a screen, stretch by stretch: what happens between two of them."""

from collections.abc import Callable
from typing import Final

from emu import Session

STRETCH_SECONDS: Final = 0.1
"""How long Ctrl-C may wait."""


def carry_out(
    session: Session, words: str, look: Callable[[], object], heard: Callable[[], bool]
) -> bool:
    """Carry a command out; False where somebody asked for an end of it, and it is not over.
    That is `heard` between two stretches, never inside the emulator, where Python would have to
    swallow it; there `look` is told how far it is, too. Raises ApdbgError."""
    session.begin(words)
    while session.pump(STRETCH_SECONDS):
        look()
        if heard():
            return False
    return True
