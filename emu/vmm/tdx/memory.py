"""TDG.MEM.PAGE.ACCEPT (6), ATTR.RD and ATTR.WR (23, 24), RELEASE (30): private pages."""

from typing import Final

from emu.vmm.effects import Cost, Effects, PageState, SetPageState
from emu.vmm.state import Caller
from emu.vmm.tdx.abi import Code, Mapping, Operand, mapping
from emu.vmm.tdx.leaf import TdcallLeaf, done, failed

ACCEPT: Final = 6
"""Number of TDG.MEM.PAGE.ACCEPT."""
_WHOLE: Final[dict[PageState | None, Code]] = {
    "private": Code.PAGE_ALREADY_ACCEPTED,
    "shared": Code.EPT_ENTRY_FREE,
    None: Code.EPT_WALK_FAILED,
}
"""Why a range in one state cannot be accepted; the host took the private page of a shared
one away."""


def _bad_operand(caller: Caller, what: str) -> Effects:
    value = caller.registers("rcx")
    return failed(Code.OPERAND_INVALID, Operand.RCX, f"{what} of {value:#x}")


def _too_large(caller: Caller, page: Mapping, states: frozenset[PageState | None]) -> bool:
    """Whether the host maps the range in smaller pages, or not alike all over."""
    return len(states) > 1 or (page.level > 0 and caller.platform.accept_level == "4K")


def _refusal(page: Mapping, what: str, code: Code) -> Effects:
    where = f"{what} of {page.gpa:#x} level {page.level}"
    return failed(code, Operand.RCX, where)


def _accept(caller: Caller) -> Effects:
    """RCX is the mapping. The pages become private and zero, all of them or none."""
    page = mapping(caller.registers("rcx"))
    if page is None:
        return _bad_operand(caller, "ACCEPT")
    states = caller.memory.page_states(page.gpa, page.pages)
    if states == {None}:
        return _refusal(page, "ACCEPT", Code.EPT_WALK_FAILED)
    if _too_large(caller, page, states):
        return _refusal(page, "ACCEPT", Code.PAGE_SIZE_MISMATCH)
    (state,) = states
    if state != "unaccepted":
        return _refusal(page, "ACCEPT", _WHOLE[state])
    costs = caller.platform.costs
    cost = Cost(costs.accept_2m_ns if page.level else costs.accept_4k_ns)
    return (SetPageState(page.gpa, page.pages, "private", zero=True), cost, *done())


def _release(caller: Caller) -> Effects:
    """RCX is the mapping of private pages that go back to the host.

    After a size mismatch RCX tells the level to try (0), as openhcl_boot relies on."""
    page = mapping(caller.registers("rcx"))
    if page is None:
        return _bad_operand(caller, "RELEASE")
    states = caller.memory.page_states(page.gpa, page.pages)
    if states != {None} and _too_large(caller, page, states):
        text = f"RELEASE of {page.gpa:#x} level {page.level}"
        level = (("rcx", int(page.gpa)),)
        return failed(Code.PAGE_SIZE_MISMATCH, Operand.RCX, text, level)
    (state,) = states
    if state != "private":
        code = Code.EPT_WALK_FAILED if state is None else Code.EPT_ENTRY_FREE
        return _refusal(page, "RELEASE", code)
    return (SetPageState(page.gpa, page.pages, "unaccepted"), *done())


def _read_attributes(caller: Caller) -> Effects:
    """RCX: the mapping found. RDX: attributes for nested VMs, of which there are none."""
    page = mapping(caller.registers("rcx"))
    if page is None:
        return _bad_operand(caller, "ATTR.RD")
    state = caller.memory.state(page.gpa)
    if state not in ("private", "unaccepted"):
        return _refusal(page, "ATTR.RD", Code.EPT_WALK_FAILED)
    pending = 1 << 62 if state == "unaccepted" else 0
    return done(("rcx", page.gpa | pending), ("rdx", 0))


def _write_attributes(caller: Caller) -> Effects:
    """No nested VM exists, so there is no attribute to set: only zero is right."""
    page = mapping(caller.registers("rcx"))
    if page is None:
        return _bad_operand(caller, "ATTR.WR")
    attributes = caller.registers("rdx")
    if attributes:
        return failed(Code.OPERAND_INVALID, Operand.RDX, f"ATTR.WR of {attributes:#x}")
    if caller.memory.state(page.gpa) not in ("private", "unaccepted"):
        return _refusal(page, "ATTR.WR", Code.EPT_WALK_FAILED)
    return done(("rcx", int(page.gpa)), ("rdx", 0))


LEAVES: Final = (
    TdcallLeaf(ACCEPT, "MEM.PAGE.ACCEPT", _accept),
    TdcallLeaf(23, "MEM.PAGE.ATTR.RD", _read_attributes),
    TdcallLeaf(24, "MEM.PAGE.ATTR.WR", _write_attributes),
    TdcallLeaf(30, "MEM.PAGE.RELEASE", _release),
)
