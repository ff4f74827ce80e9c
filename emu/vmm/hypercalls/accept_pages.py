"""HvCallAcceptGpaPages (0xD9): an isolated VBS guest takes pages that the host offered."""

import struct
from typing import Final

from emu.hw.address import PAGE_BYTES, Gpa
from emu.vmm.cpuid import PHYSICAL_BITS
from emu.vmm.effects import Cost, Effects, PageState, SetPageState
from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status, refuse
from emu.vmm.hypercalls.operands import fields, together
from emu.vmm.hypercalls.target import wrong_partition
from emu.vmm.state import Caller

PAGES_MAX: Final = 512
"""Pages one call takes (2 MiB): the rest is for the next call, which the TLFS allows of every
rep hypercall; the caller reads the completed count."""

_HEADER: Final = struct.Struct("<QIIQ")
"""Partition, attributes, VTL permissions, first page number; no list: a page per rep."""
_RAM: Final = 1
_SHARED: Final = 3


def _attributes(value: int) -> PageState | None:
    """5:0 memory type, 7:6 visibility, 10:8 VTL set: the state asked for, None if invalid."""
    visibility = value >> 6 & 3
    if value >> 11 or value & 0x3F != _RAM or visibility not in (0, _SHARED):
        return None
    return "shared" if visibility else "private"


def _accept(request: Request) -> Answer:
    """Only unaccepted pages qualify; the first other one ends the call with its reason."""
    caller = request.caller
    partition, attributes, _, page = _HEADER.unpack_from(request.data)
    refusal = wrong_partition(partition)
    if refusal is not None:
        return refusal
    if caller.platform.isolation != "vbs":
        return refuse(Status.ACCESS_DENIED, "this partition accepts no pages by hypercall")
    state = _attributes(attributes)
    if state is None:
        return refuse(Status.INVALID_PARAMETER, f"attributes {attributes:#x}")
    if (page + request.count) >> (PHYSICAL_BITS - 12):
        return refuse(Status.INVALID_PARAMETER, f"page {page:#x} is beyond the GPA space")
    first = Gpa((page + request.first) * PAGE_BYTES)
    asked = min(request.count - request.first, PAGES_MAX)
    taken, status, why = _acceptable(caller, first, asked)
    effects = _taken(caller, first, taken, state)
    return Answer(status, why, request.first + taken, effects=effects)


def _acceptable(caller: Caller, first: Gpa, asked: int) -> tuple[int, Status, str]:
    """How many pages from `first` can be taken, and what stops there."""
    if caller.memory.page_states(first, asked) == {"unaccepted"}:
        return asked, Status.SUCCESS, f"{asked} pages at {first:#x}"
    for index in range(asked):
        gpa = Gpa(first + index * PAGE_BYTES)
        found = caller.memory.state(gpa)
        if found is None:
            return index, Status.INVALID_PARAMETER, f"there is no memory at {gpa:#x}"
        if found != "unaccepted":
            return index, Status.OPERATION_DENIED, f"page {gpa:#x} is {found} already"
    return asked, Status.SUCCESS, f"{asked} pages at {first:#x}"


def _taken(caller: Caller, first: Gpa, count: int, state: PageState) -> Effects:
    if not count:
        return ()
    cost = Cost(count * caller.platform.costs.accept_4k_ns)
    return (SetPageState(first, count, state, zero=True), cost)


def _range(data: bytes, first: int, count: int) -> str:
    return f"count={count - first}"


_FIELDS: Final = fields(_HEADER, "partition", "attributes", "permissions", "page")
CALL: Final = Hypercall(
    0xD9, "AcceptGpaPages", _accept, together(_FIELDS, _range), _HEADER.size, rep=True
)
