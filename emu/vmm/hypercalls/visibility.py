"""HvCallModifySparseGpaPageHostVisibility (0xDB): a VBS guest shows or hides single pages."""

import struct
from typing import Final

from emu.hw.address import Gpa
from emu.vmm.effects import Effect, PageState, SetPageState
from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status, refuse
from emu.vmm.hypercalls.operands import elements, fields, together
from emu.vmm.hypercalls.target import wrong_partition
from emu.vmm.state import Caller

_HEADER: Final = struct.Struct("<QII")
"""Partition, visibility (0 private, 3 shared read-write), reserved; then page numbers."""
_PAGE: Final = struct.Struct("<Q")
_STATES: Final[dict[int, PageState]] = {0: "private", 3: "shared"}


def _change(caller: Caller, gpa: Gpa, state: PageState) -> tuple[Status, str]:
    found = caller.memory.state(gpa)
    if found is None:
        return Status.INVALID_PARAMETER, f"there is no memory at {gpa:#x}"
    if found == "unaccepted" and state == "private":
        return Status.OPERATION_DENIED, f"page {gpa:#x} was never accepted"
    return Status.SUCCESS, ""


def _modify(request: Request) -> Answer:
    """A page that the host could write comes back zeroed; stops at the first bad page."""
    caller = request.caller
    partition, visibility, reserved = _HEADER.unpack_from(request.data)
    refusal = wrong_partition(partition)
    if refusal is not None:
        return refusal
    if caller.platform.isolation != "vbs":
        return refuse(Status.ACCESS_DENIED, "this partition has no host visibility to change")
    state = _STATES.get(visibility)
    if state is None or reserved:
        return refuse(Status.INVALID_PARAMETER, f"visibility {visibility:#x}")
    pages = struct.unpack_from(f"<{request.count}Q", request.data, _HEADER.size)
    effects: list[Effect] = []
    for done in range(request.first, request.count):
        gpa = Gpa(pages[done] << 12)
        status, why = _change(caller, gpa, state)
        if status is not Status.SUCCESS:
            return Answer(status, why, done, effects=tuple(effects))
        if caller.memory.state(gpa) != state:
            effects.append(SetPageState(gpa, 1, state, zero=state == "private"))
    why = f"{request.count - request.first} pages {state}"
    return Answer(why=why, done=request.count, effects=tuple(effects))


CALL: Final = Hypercall(
    0xDB,
    "ModifySparseGpaPageHostVisibility",
    _modify,
    together(
        fields(_HEADER, "partition", "visibility", ""), elements("pages", _HEADER.size, _PAGE)
    ),
    _HEADER.size,
    element_bytes=_PAGE.size,
    rep=True,
)
