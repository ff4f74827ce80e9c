"""What a hypercall is: its code and layout, what its handler sees and what it may answer."""

from collections.abc import Callable
from enum import IntEnum

from msgspec import Struct

from emu.vmm.effects import Effects
from emu.vmm.state import Caller


class Status(IntEnum):
    """HV_STATUS codes, 16 bits (TLFS, hypercall status codes)."""

    SUCCESS = 0x00
    INVALID_HYPERCALL_CODE = 0x02
    INVALID_HYPERCALL_INPUT = 0x03
    INVALID_ALIGNMENT = 0x04
    INVALID_PARAMETER = 0x05
    ACCESS_DENIED = 0x06
    INVALID_PARTITION_STATE = 0x07
    OPERATION_DENIED = 0x08
    INVALID_PARTITION_ID = 0x0D
    INVALID_VP_INDEX = 0x0E
    INVALID_VP_STATE = 0x15
    INVALID_REGISTER_VALUE = 0x50
    INVALID_VTL_STATE = 0x51
    VTL_ALREADY_ENABLED = 0x86
    UNKNOWN_REGISTER_NAME = 0x87


class Request(Struct, frozen=True):
    """One hypercall with its input read: the header, and for a rep call all elements."""

    caller: Caller
    data: bytes
    """The whole input list, elements before `first` included."""
    first: int = 0
    """Index of the first element to work on (rep start)."""
    count: int = 0
    """How many elements the list has; 0 for a simple call."""


class Answer(Struct, frozen=True):
    """What a handler decided; effects hold even after a failure, for the elements done."""

    status: Status = Status.SUCCESS
    why: str = ""
    """What was asked, or what was wrong with it: for the event log."""
    done: int = 0
    """Elements completed, counted from element 0 (rep calls only)."""
    output: bytes = b""
    """For the output list, starting at element `first` of a rep call."""
    effects: Effects = ()


def refuse(status: Status, why: str, done: int = 0) -> Answer:
    """An answer that changes nothing."""
    return Answer(status, why, done)


InputWords = Callable[[bytes, int, int], str]
"""(the input list, the first element, the number of elements) to its operands in words."""


class Hypercall(Struct, frozen=True):
    """A row of the dispatch table; sizes in bytes."""

    code: int
    name: str
    handle: Callable[[Request], Answer]
    words: InputWords
    """What it was given, for the logs."""
    header_bytes: int
    element_bytes: int = 0
    output_element_bytes: int = 0
    rep: bool = False
    fast: bool = False
    """Whether the header may come in RDX and R8 (it then has at most 16 bytes)."""
