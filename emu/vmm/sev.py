"""SEV-SNP: what PVALIDATE and RMPADJUST do with a page, and what VMGEXIT asks of the host.

Source: AMD APM volume 3 (PVALIDATE, RMPADJUST); SEV-ES Guest-Hypervisor Communication Block
Standardization 2.03, section 2.3.1 (the GHCB MSR protocol).
"""

from collections.abc import Callable
from typing import Final

from emu.hw.address import LARGE_BYTES, PAGE_BYTES, PAGE_MASK, Gpa
from emu.vmm import cpuid
from emu.vmm.asked import SevInstruction
from emu.vmm.effects import (
    Complete,
    Cost,
    Crash,
    Effects,
    Note,
    PageState,
    SetMsr,
    SetPageState,
    SetRegisters,
)
from emu.vmm.msrs.ghcb import GHCB
from emu.vmm.state import Caller

SUCCESS, FAIL_INPUT, FAIL_PERMISSION, FAIL_SIZE = 0, 1, 2, 6
_WORDS: Final = {
    SUCCESS: "SUCCESS", FAIL_INPUT: "FAIL_INPUT", FAIL_PERMISSION: "FAIL_PERMISSION",
    FAIL_SIZE: "FAIL_SIZEMISMATCH",
}  # fmt: skip
_CARRY: Final = 1
_ARITHMETIC: Final = 0x8D5
_U32: Final = 0xFFFF_FFFF
_CPUID_REGISTERS: Final = 4
_PRIVATE, _SHARED = 1, 2
_NO_GFN: Final = (1 << 52) - 1
_FEATURE_SNP: Final = 1


def words(status: int) -> str:
    """`SUCCESS`, or `FAIL_INPUT (0x1)`."""
    name = _WORDS.get(status, "")
    return name if not status else f"{name} ({status:#x})"


def answer(caller: Caller, asked: SevInstruction, gpa: int | None) -> Effects:
    """What one of the three comes to; `gpa` is what its address is mapped to."""
    if asked.mnemonic == "vmgexit":
        return _vmgexit(caller)
    return (_pvalidate if asked.mnemonic == "pvalidate" else _rmpadjust)(caller, asked, gpa)


def _pvalidate(caller: Caller, asked: SevInstruction, gpa: int | None) -> Effects:
    """CF is set where the page is as it is asked to be already."""
    if gpa is None:
        return _done(caller, FAIL_INPUT)
    size = LARGE_BYTES if asked.rcx & 1 else PAGE_BYTES
    first, pages = Gpa(gpa & ~(size - 1)), size // PAGE_BYTES
    states = caller.memory.page_states(first, pages)
    if not states <= {"private", "unaccepted"}:
        why = "shared" if "shared" in states else "no memory"
        return (Crash(f"PVALIDATE of {first:#x}, which is {why}: no page of the guest's"),)
    if len(states) > 1 or (size > PAGE_BYTES and caller.platform.accept_level == "4K"):
        return _done(caller, FAIL_SIZE)
    wanted: PageState = "private" if asked.rdx & 1 else "unaccepted"
    if states == {wanted}:
        return _done(caller, SUCCESS, carry=_CARRY)
    costs = caller.platform.costs
    cost = Cost(costs.accept_2m_ns if size > PAGE_BYTES else costs.accept_4k_ns)
    change = SetPageState(first, pages, wanted, zero=wanted == "private")
    return (change, cost, *_done(caller, SUCCESS))


def _rmpadjust(caller: Caller, asked: SevInstruction, gpa: int | None) -> Effects:
    """Permissions of a less privileged VMPL, or that a page is a VMSA; noted, not enforced."""
    if gpa is None or caller.memory.state(Gpa(gpa)) != "private":
        return _done(caller, FAIL_INPUT)
    return _done(caller, SUCCESS if asked.rdx & 0xFF else FAIL_PERMISSION)


def _done(caller: Caller, status: int, carry: int = 0) -> Effects:
    flags = caller.registers("rflags") & ~_ARITHMETIC | carry
    return (SetRegisters((("rax", status), ("rflags", flags))), Complete())


# -- the GHCB MSR protocol ---------------------------------------------------------------


def _vmgexit(caller: Caller) -> Effects:
    """The request stands in the MSR, and so does the answer."""
    request = caller.vmm.msrs.get((caller.cpu, GHCB), 0)
    handler = _REQUESTS.get(request & PAGE_MASK)
    if handler is None:
        what = "a GHCB page" if not request & PAGE_MASK else f"request {request & PAGE_MASK:#x}"
        return (Crash(f"VMGEXIT with {what}: the host knows the MSR protocol alone"),)
    return (*handler(caller, request), Complete())


def _reply(caller: Caller, value: int, text: str) -> Effects:
    return (SetMsr(caller.cpu, GHCB, value), Note(f"vmgexit: {text}", ""))


def _information(caller: Caller, request: int) -> Effects:
    """63:48 and 47:32 the versions, 31:24 the position of the C-bit."""
    return _reply(caller, 2 << 48 | 1 << 32 | 51 << 24 | 1, "versions 1 to 2, C-bit 51")


def _cpuid(caller: Caller, request: int) -> Effects:
    leaf, number = request >> 32, request >> 30 & _CPUID_REGISTERS - 1
    value = cpuid.read_cpuid(caller, leaf, 0)[number]
    return _reply(caller, value << 32 | number << 30 | 5, f"cpuid {leaf:#x} -> {value:#x}")


def _preferred(caller: Caller, request: int) -> Effects:
    return _reply(caller, _NO_GFN << 12 | 0x11, "no page is preferred for the GHCB")


def _register(caller: Caller, request: int) -> Effects:
    return _reply(caller, request & ~PAGE_MASK | 0x13, f"GHCB at {request & ~PAGE_MASK:#x}")


def _page_state(caller: Caller, request: int) -> Effects:
    """55:52 what the page is to be, 51:12 its number; the answer's upper half is an error."""
    gpa, wanted = Gpa(request & (1 << 52) - PAGE_BYTES), request >> 52 & 0xF
    state = caller.memory.state(gpa)
    if state is None or wanted not in (_PRIVATE, _SHARED):
        return _reply(caller, 1 << 32 | 0x15, f"no page {gpa:#x}, or no state {wanted}")
    text = f"{gpa:#x} becomes {'private' if wanted == _PRIVATE else 'shared'}"
    answered = _reply(caller, 0x15, text)
    if wanted == _PRIVATE:
        return answered if state != "shared" else (_state(gpa, "unaccepted"), *answered)
    return answered if state == "shared" else (_state(gpa, "shared"), *answered)


def _state(gpa: Gpa, state: PageState) -> SetPageState:
    return SetPageState(gpa, 1, state)


def _features(caller: Caller, request: int) -> Effects:
    return _reply(caller, _FEATURE_SNP << 12 | 0x81, "of the host's features, SNP alone")


def _terminate(caller: Caller, request: int) -> Effects:
    return (
        Crash(f"the guest ends itself: set {request >> 12 & 0xF}, {request >> 16 & 0xFF:#x}"),
    )


_REQUESTS: Final[dict[int, Callable[[Caller, int], Effects]]] = {
    0x002: _information, 0x004: _cpuid, 0x010: _preferred, 0x012: _register, 0x014: _page_state,
    0x080: _features, 0x100: _terminate,
}  # fmt: skip
"""Low twelve bits of the MSR -> what answers them."""
