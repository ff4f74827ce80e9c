"""TDG.VP.VMCALL<MapGPA>: the guest asks the host to make memory shared, or private again."""

from typing import Final

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa
from emu.vmm.effects import Effect, Effects, PageState, SetPageState
from emu.vmm.state import Caller
from emu.vmm.tdx.abi import SHARED_BIT
from emu.vmm.tdx.host import ALIGN_ERROR, RETRY, HostCall, HostReply, Subfunction, invalid, ok
from emu.vmm.tdx.leaf import Shown

PAGES_MAX: Final = 1 << 16
"""Pages of one call (256 MiB): beyond that the host asks for a retry, as GHCI lets it."""


def map_gpa(call: HostCall) -> HostReply:
    """R12: first address, shared bit included; R13: bytes. Both whole pages.

    R11 comes back as the address to go on from, or that failed, with the shared bit kept.
    What becomes private has to be accepted again; what is private already stays so."""
    start, length = call.register("r12"), call.register("r13")
    if (start | length) & PAGE_MASK:
        why = f"R12 {start:#x} and R13 {length:#x} are not whole pages"
        return HostReply((("r10", ALIGN_ERROR), ("r11", start)), why=why)
    shared = start & SHARED_BIT
    base = start & ~SHARED_BIT
    if not length or base + length > SHARED_BIT:
        return invalid(f"R13: no {length:#x} bytes begin at {base:#x}", ("r11", start))
    missing = _missing(call.caller, base, length)
    if missing is not None:
        return invalid(f"there is no memory at {missing:#x}", ("r11", missing | shared))
    pages = min(length // PAGE_BYTES, PAGES_MAX)
    effects = _share(base, pages) if shared else _hide(call.caller, base, pages)
    after = base + pages * PAGE_BYTES
    if after < base + length:
        why = f"{pages:,} pages at once are enough"
        return HostReply((("r10", RETRY), ("r11", after | shared)), effects, why)
    return ok(("r11", after | shared), effects=effects)


def _missing(caller: Caller, base: int, length: int) -> int | None:
    """The first page without memory. The last one is asked for first: a nonsense length
    must not make anyone look at every page of the address space."""
    last = base + length - PAGE_BYTES
    if caller.memory.state(Gpa(last)) is None:
        return last
    if None not in caller.memory.page_states(Gpa(base), length // PAGE_BYTES):
        return None
    pages = range(base, last, PAGE_BYTES)
    return next(page for page in pages if caller.memory.state(Gpa(page)) is None)


def _share(base: int, pages: int) -> Effects:
    return (SetPageState(Gpa(base), pages, "shared"),)


def _hide(caller: Caller, base: int, pages: int) -> Effects:
    """Each run of shared pages becomes unaccepted."""
    shared: PageState = "shared"
    states = caller.memory.page_states(Gpa(base), pages)
    if shared not in states:
        return ()
    if len(states) == 1:
        return (SetPageState(Gpa(base), pages, "unaccepted"),)
    effects: list[Effect] = []
    first: int | None = None
    for page in range(base, base + pages * PAGE_BYTES + 1, PAGE_BYTES):
        inside = page < base + pages * PAGE_BYTES
        if inside and caller.memory.state(Gpa(page)) == shared:
            first = page if first is None else first
        elif first is not None:
            count = (page - first) // PAGE_BYTES
            effects.append(SetPageState(Gpa(first), count, "unaccepted"))
            first = None
    return tuple(effects)


def _words(address: int) -> str:
    return f"{address & ~SHARED_BIT:#x} {'shared' if address & SHARED_BIT else 'private'}"


SUBFUNCTION: Final = Subfunction(
    0x10001, "MapGPA", map_gpa, (Shown("r12", "gpa", _words), Shown("r13", "bytes")),
    (Shown("r11", "next", _words),),
)  # fmt: skip
