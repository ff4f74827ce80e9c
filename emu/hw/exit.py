"""What ends a stretch of guest code: the exit from guest to host, as a value."""

from enum import Enum
from typing import NamedTuple


class ExitKind(Enum):
    """Why the engine gave the CPU back."""

    BUDGET = "budget"
    BREAKPOINT = "breakpoint"
    INTERCEPT = "intercept"
    PORT_IN = "port in"
    PORT_OUT = "port out"
    SYSCALL = "syscall"
    ERROR = "error"


class Exit(NamedTuple):
    """One exit from guest to host. `executed` counts the instructions that retired."""

    kind: ExitKind
    executed: int
    code: int = 0
    """SVM exit code for INTERCEPT, port number for ports, address for BREAKPOINT."""
    info: int = 0
    """EXITINFO2: the address of a #PF, the GPA of a nested page fault; a port's value; where a
    SYSCALL stands."""
    error: int = 0
    """Error code of an exception or of a nested page fault; a port access's size in bytes."""
    text: str = ""
    """The engine's own words for ERROR."""
    gla: int | None = None
    """The linear address of a nested page fault, where it is known."""
    done: bool = True
    """Whether the port access has retired; else the CPU stands before it."""
