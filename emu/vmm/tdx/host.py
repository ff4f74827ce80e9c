"""What the host sees of a TDG.VP.VMCALL, and what it may give back: the exposed registers."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.vmm.effects import Effects
from emu.vmm.state import Caller

GPRS: Final = (
    *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
)
"""General registers in the order of the mask's bits."""

SUCCESS: Final = 0
RETRY: Final = 1
INVALID_OPERAND: Final = 1 << 63
ALIGN_ERROR: Final = 1 << 63 | 2
"""What R10 says afterwards (GHCI 1.5, table 2-3)."""


class HostCall(Struct, frozen=True):
    """One VMCALL through the host's eyes."""

    caller: Caller
    mask: int
    """Bit n exposes register n of `GPRS`."""

    def exposed(self, name: str) -> bool:
        """Whether the host sees a register, and may change it."""
        return bool(self.mask >> GPRS.index(name) & 1)

    def register(self, name: str) -> int:
        """A register's value; zero where the guest keeps it to itself."""
        return self.caller.registers(name) if self.exposed(name) else 0


class HostReply(Struct, frozen=True):
    """Registers that the host sets (only exposed ones reach the guest), and what it does."""

    registers: tuple[tuple[str, int], ...]
    effects: Effects = ()


class Subfunction(Struct, frozen=True):
    """A row of the guest-host interface: what R11 holds when R10 is zero."""

    number: int
    name: str
    handle: Callable[[HostCall], HostReply]


def ok(*registers: tuple[str, int], effects: Effects = ()) -> HostReply:
    """R10 = 0 and the results."""
    return HostReply((("r10", SUCCESS), *registers), effects)


def invalid(*registers: tuple[str, int]) -> HostReply:
    """R10 = invalid operand."""
    return HostReply((("r10", INVALID_OPERAND), *registers))
