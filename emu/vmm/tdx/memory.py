"""TDG.MEM.PAGE.ACCEPT (6), ATTR.RD and ATTR.WR (23, 24), RELEASE (30): private pages."""

from typing import Final

from emu.hw.address import LARGE_BYTES
from emu.vmm.effects import Cost, Crash, Effects, PageState, SetPageState
from emu.vmm.state import Caller
from emu.vmm.tdx.abi import Code, Mapping, Operand, mapping
from emu.vmm.tdx.leaf import Shown, TdcallLeaf, done, failed

ACCEPT: Final = 6
"""Number of TDG.MEM.PAGE.ACCEPT."""
RELEASE: Final = 30
_PENDING: Final = 1 << 62
"""In RCX behind a leaf that tells of a page: it is there, and not accepted."""


def _bad_operand(caller: Caller, what: str) -> Effects:
    value = caller.registers("rcx")
    return failed(Code.OPERAND_INVALID, Operand.RCX, f"{what} of {value:#x}")


def _is_large(caller: Caller, page: Mapping) -> bool:
    """Whether the page lies in a leaf of 2 MiB."""
    return page.gpa & ~(LARGE_BYTES - 1) in caller.vmm.large_pages


def _level(caller: Caller, page: Mapping) -> int:
    return int(_is_large(caller, page))


def _where(page: Mapping, what: str) -> str:
    return f"{what} of {page.gpa:#x} level {page.level}"


def _to_host(caller: Caller, page: Mapping, what: str) -> Effects:
    """The TD leaves with an EPT violation and no status, and it is the host's to go on. Ours
    ends the TD; QEMU would make a shared page private, and the TD would call again."""
    shared = caller.memory.state(page.gpa) == "shared"
    lacks = "is shared: MapGPA comes first" if shared else "has no memory behind it"
    return (Crash(f"cpu {caller.cpu}: {_where(page, what)}, which {lacks}: EPT violation"),)


def _accept(caller: Caller) -> Effects:
    """RCX is the mapping. The pages become private and zero, all of them or none.

    Details of a refusal are the level at which the walk of the nested table ended."""
    page = mapping(caller.registers("rcx"))
    if page is None:
        return _bad_operand(caller, "ACCEPT")
    states = caller.memory.page_states(page.gpa, page.pages)
    if states <= {None, "shared"}:
        return _to_host(caller, page, "ACCEPT")
    if page.large and not _is_large(caller, page) and _in_small_pages(caller, states):
        return failed(Code.PAGE_SIZE_MISMATCH, page.level, _where(page, "ACCEPT"))
    if states == {"private"}:
        level = _level(caller, page)
        return failed(Code.PAGE_ALREADY_ACCEPTED, level, _where(page, "ACCEPT"))
    costs = caller.platform.costs
    cost = Cost(costs.accept_2m_ns if page.large else costs.accept_4k_ns)
    change = SetPageState(page.gpa, page.pages, "private", zero=True, large=page.large)
    return (change, cost, *done())


def _in_small_pages(caller: Caller, states: frozenset[PageState | None]) -> bool:
    """Whether the host maps 2 MiB that are no leaf in small pages: its habit, or pages of it
    that are not alike, or that were accepted one by one."""
    return states != {"unaccepted"} or caller.platform.accept_level == "4K"


def _release(caller: Caller) -> Effects:
    """RCX is the mapping of private pages that go back to the host (OpenVMM,
    `tdcall_release_page`): RCX then tells the level there is, and whether a page is pending.

    Where CONFIG_FLAGS.PAGE_RELEASE is off there is no such leaf."""
    if not caller.platform.page_release:
        why = f"leaf {RELEASE}, and CONFIG_FLAGS.PAGE_RELEASE is off"
        return failed(Code.OPERAND_INVALID, Operand.RAX, why)
    page = mapping(caller.registers("rcx"))
    if page is None:
        return _bad_operand(caller, "RELEASE")
    text = _where(page, "RELEASE")
    states = caller.memory.page_states(page.gpa, page.pages)
    if states <= {None, "shared"}:
        code = Code.EPT_WALK_FAILED if states == {None} else Code.EPT_ENTRY_FREE
        return failed(code, Operand.RCX, text)
    level = _level(caller, page)
    if len(states) > 1 or (states == {"private"} and level != page.level):
        told = (("rcx", page.gpa | level),)
        return failed(Code.PAGE_SIZE_MISMATCH, Operand.RCX, text, told)
    if states == {"unaccepted"}:
        told = (("rcx", page.gpa | page.level | _PENDING),)
        return failed(Code.EPT_ENTRY_STATE_INCORRECT, Operand.RCX, text, told)
    return (SetPageState(page.gpa, page.pages, "unaccepted"), *done())


def _read_attributes(caller: Caller) -> Effects:
    """RCX: the mapping found. RDX: attributes for nested VMs, of which there are none."""
    page = mapping(caller.registers("rcx"))
    if page is None:
        return _bad_operand(caller, "ATTR.RD")
    state = caller.memory.state(page.gpa)
    if state not in ("private", "unaccepted"):
        return _to_host(caller, page, "ATTR.RD")
    level = _level(caller, page)
    first = page.gpa & ~(LARGE_BYTES - 1) if level else page.gpa
    pending = _PENDING if state == "unaccepted" else 0
    return done(("rcx", first | level | pending), ("rdx", 0))


def _write_attributes(caller: Caller) -> Effects:
    """No nested VM exists, so there is no attribute to set: only zero is right."""
    page = mapping(caller.registers("rcx"))
    if page is None:
        return _bad_operand(caller, "ATTR.WR")
    attributes = caller.registers("rdx")
    if attributes:
        return failed(Code.OPERAND_INVALID, Operand.RDX, f"ATTR.WR of {attributes:#x}")
    if caller.memory.state(page.gpa) not in ("private", "unaccepted"):
        return _to_host(caller, page, "ATTR.WR")
    return done(("rcx", page.gpa | page.level), ("rdx", 0))


def _mapping_words(value: int) -> str:
    """`0x100000 level 0 (4K)`; the level is the lowest three bits, as in 2.4 of the ABI."""
    level, rest = value & 7, value & ~(_PENDING | 7)
    size = {0: "4K", 1: "2M", 2: "1G"}.get(level, "no size")
    pending = " pending" if value & _PENDING else ""
    return f"{rest:#x} level {level} ({size}){pending}"


_PAGE: Final = (Shown("rcx", "page", _mapping_words),)
_ATTRIBUTES: Final = Shown("rdx", "attributes")
LEAVES: Final = (
    TdcallLeaf(ACCEPT, "MEM.PAGE.ACCEPT", _accept, _PAGE, _PAGE),
    TdcallLeaf(23, "MEM.PAGE.ATTR.RD", _read_attributes, _PAGE, (*_PAGE, _ATTRIBUTES)),
    TdcallLeaf(24, "MEM.PAGE.ATTR.WR", _write_attributes, (*_PAGE, _ATTRIBUTES), _PAGE),
    TdcallLeaf(RELEASE, "MEM.PAGE.RELEASE", _release, _PAGE, _PAGE),
)
