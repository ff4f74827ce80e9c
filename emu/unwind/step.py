"""From one frame to its caller: what every way of finding it comes to."""

from msgspec import Struct

from emu.unwind.expression import KnownRegisters
from emu.unwind.frame import EnteredBy, FoundBy, SavedRegister


class Standing(Struct, frozen=True):
    """A frame while it is being left: where it is, and what is known of its registers."""

    address: int
    exact: bool
    """Whether `address` is that of the next instruction of a CPU, or of one interrupted here;
    else it is where a call returns to."""
    values: KnownRegisters
    """RSP and whatever else is known."""

    @property
    def code(self) -> int:
        """An address inside of the instruction that is meant."""
        return self.address if self.exact else self.address - 1

    @property
    def rsp(self) -> int:
        """The stack pointer."""
        return self.values["rsp"]


class CallerFrame(Struct, frozen=True):
    """The frame of a caller."""

    how: FoundBy
    entry: EnteredBy
    cfa: int
    """Of the frame that was left."""
    slot: int | None
    """Where the return address lies; None for one in a register."""
    standing: Standing
    saved: tuple[SavedRegister, ...] = ()


class NoCaller(Struct, frozen=True):
    """There is none, for certain, and why."""

    why: str
