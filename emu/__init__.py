"""The machine half of apdbg: real boot code on emulated CPUs, and the one door to it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emu.debug.opening import open_session
    from emu.debug.session import Session

__all__ = ["Session", "open_session"]


def __getattr__(name: str) -> Any:
    """The door opens on first use: `apdbg doctor` must work where the emulator is missing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from emu.debug import opening

    return getattr(opening, name)
