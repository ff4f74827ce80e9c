"""Where this user's programs keep their state."""

import contextlib
from pathlib import Path

from platformdirs import user_state_path


def state_folder() -> Path | None:
    """The folder, which need not be there; None where nobody knows where that is."""
    with contextlib.suppress(OSError, RuntimeError):
        found = user_state_path("apdbg")
        return found if found.is_absolute() else None
    return None
