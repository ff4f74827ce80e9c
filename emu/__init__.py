"""The machine half of apdbg: real boot code on emulated CPUs, and the one door to it."""

from emu.debug.session import Session, open_session

__all__ = ["Session", "open_session"]
