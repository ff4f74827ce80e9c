"""What the host sees of a TDG.VP.VMCALL, and what it may give back: the exposed registers."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.vmm.effects import Effects
from emu.vmm.state import Caller
from emu.vmm.tdx.leaf import Shown

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
    why: str = ""
    """What was wrong with the call."""


class Subfunction(Struct, frozen=True):
    """A row of the guest-host interface: what R11 holds when R10 is zero."""

    number: int
    name: str
    handle: Callable[[HostCall], HostReply]
    takes: tuple[Shown, ...] = ()
    """Beside R11, which says what is asked."""
    gives: tuple[Shown, ...] = ()
    """Beside R10, the status."""


def ok(*registers: tuple[str, int], effects: Effects = ()) -> HostReply:
    """R10 = 0 and the results."""
    return HostReply((("r10", SUCCESS), *registers), effects)


def invalid(why: str, *registers: tuple[str, int]) -> HostReply:
    """R10 = invalid operand."""
    return HostReply((("r10", INVALID_OPERAND), *registers), why=why)


STATUSES: Final = {
    SUCCESS: "SUCCESS", RETRY: "RETRY", INVALID_OPERAND: "INVALID_OPERAND",
    INVALID_OPERAND | 1: "GPA_INUSE", ALIGN_ERROR: "ALIGN_ERROR",
    INVALID_OPERAND | 3: "SUBFUNC_UNSUPPORTED",
}  # fmt: skip
"""R10 -> what people call it (GHCI 1.5, table 2-3, without its TDG.VP.VMCALL_)."""
