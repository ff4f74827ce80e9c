"""Does the installed emulator behave as apdbg relies on? Asked once, before any guest runs.

Each check drives a tiny guest in memory of its own and compares with what unicorn 2.1.4 was
measured to do. None of these behaviours is documented by Unicorn; another version may differ.
"""

import struct
from collections.abc import Callable
from functools import cache
from typing import Final

from msgspec import Struct

from emu.errors import EngineError
from emu.hw.address import Hpa
from emu.hw.context import ARITHMETIC, OFFSETS, Context
from emu.hw.engine import Engine
from emu.hw.exit import Exit, ExitKind
from emu.hw.memory import HostMemory
from emu.hw.selftest_offsets import CODE64, RUN_MAX, OffsetWanted, proofs
from emu.hw.vmcb import (
    EXIT_CPUID,
    EXIT_EXCEPTION,
    EXIT_IRET,
    EXIT_MSR,
    EXIT_NPF,
    EXIT_WRITE_CR,
    GuestState,
    SegmentState,
)

_VMCB: Final = Hpa(0x10000)
_NPT: Final = Hpa(0x20000)
_GUEST: Final = Hpa(0x200000)
_GUEST_BYTES: Final = 0x200000
_CODE: Final = 0x10000
_ABSENT: Final = 0x180000
"""A guest page that the nested table does not map."""
_DATA: Final = SegmentState(0x10, 0, 0xFFFFFFFF, 0xC93)


class Check(Struct, frozen=True):
    """One thing apdbg relies on, and whether it holds."""

    what: str
    holds: bool
    found: str


class OffsetProbe:
    """A guest of 2 MiB with identity page tables, one page of it missing underneath."""

    def __init__(self) -> None:
        self.memory = HostMemory(_GUEST + _GUEST_BYTES)
        self.engine = Engine(self.memory)
        for level in range(3):
            self.memory.put_u64(_NPT + 0x1000 * level, (_NPT + 0x1000 * (level + 1)) | 7)
        for page in range(512):
            present = 0 if page * 0x1000 == _ABSENT else (_GUEST + page * 0x1000) | 7
            self.memory.put_u64(_NPT + 0x3000 + 8 * page, present)
        for place, entry in ((0x1000, 0x2003), (0x2000, 0x3003), (0x3000, 0x83)):
            self.memory.put_u64(_GUEST + place, entry)

    def read(self, gpa: int, count: int) -> bytes:
        """Guest memory."""
        return self.memory.read(Hpa(_GUEST + gpa), count)

    def write(self, gpa: int, data: bytes) -> None:
        """Change guest memory."""
        self.memory.write(Hpa(_GUEST + gpa), data)

    def run(
        self, code: bytes, budget: int = 16, code_segment: SegmentState = CODE64
    ) -> tuple[Context, Exit]:
        """Run code in 64-bit mode from a fresh state to its first exit."""
        self.write(_CODE, code)
        names = ("es", "ss", "ds", "fs", "gs")
        segments = {"cs": code_segment} | dict.fromkeys(names, _DATA)
        segments |= dict.fromkeys(("gdtr", "ldtr", "idtr", "tr"), SegmentState(0, 0, 0, 0))
        state = GuestState(
            rip=_CODE - code_segment.base, rsp=0x8000, rflags=2,
            efer=0xD00, cr0=0x80010033, cr3=0x1000, cr4=0x40220,
            segments=tuple(segments.items()),
        )  # fmt: skip
        context = self.engine.enter_guest(_VMCB, state, _NPT)
        self.engine.flush_code()
        self.engine.flush_tlb()
        return context, self.engine.run(context, budget)


def offset_proofs(probe: OffsetProbe) -> list[OffsetWanted]:
    """Guests that leave something in every register that is read by its place."""

    def run(code: bytes, segment: SegmentState) -> tuple[Context, Exit]:
        return probe.run(code, RUN_MAX, segment)

    return proofs(run, probe.write, _ABSENT, _VMCB, _NPT)


def _registers(probe: OffsetProbe) -> str:
    """What guests put into registers is found by offset."""
    wrong = [name for proof in offset_proofs(probe) for name in proof.wrong(OFFSETS)]
    return f"wrong: {', '.join(wrong)}" if wrong else ""


def _state(probe: OffsetProbe) -> str:
    """Control registers, flags, segments and mode of a fresh guest."""
    context, _ = probe.run(b"\x31\xc0\x0f\xa2")  # xor eax, eax: ZF and PF
    found = (
        context.get("cr0"), context.get("cr3"), context.get("cr4"), context.get("efer"),
        context.get("rflags") & 0xC5, context.segment("cs"), context.mode, context.cpl,
    )  # fmt: skip
    wanted = (0x80010033, 0x1000, 0x40220, 0xD00, 0x44, CODE64, "long", 0)
    return "" if found == wanted else f"found {found}"


def _counting(probe: OffsetProbe) -> str:
    """NOPs up to the budget, and up to an exit."""
    _, whole = probe.run(b"\x90" * 200, 100)
    _, cut = probe.run(b"\x90" * 7 + b"\x0f\xa2", 100)
    found = (whole.kind, whole.executed, cut.kind, cut.executed, cut.code)
    wanted = (ExitKind.BUDGET, 100, ExitKind.INTERCEPT, 7, EXIT_CPUID)
    return "" if found == wanted else f"found {found}"


def _nested_fault(probe: OffsetProbe) -> str:
    """A store to, and a jump into, the page that the nested table lacks."""
    store = b"\x89\x04\x25" + struct.pack("<I", _ABSENT + 8)
    _, data = probe.run(b"\x90" + store)
    jump = b"\xb8" + struct.pack("<I", _ABSENT) + b"\xff\xe0"
    _, fetch = probe.run(jump)
    found = (data.code, data.info, data.error & 3, data.executed, fetch.info, fetch.executed)
    wanted = (EXIT_NPF, _ABSENT + 8, 2, 1, _ABSENT, 2)
    return "" if found == wanted else f"found {found}"


def _page_fault(probe: OffsetProbe) -> str:
    """A load from an address that the guest's own tables do not map."""
    _, fault = probe.run(b"\xa1" + struct.pack("<Q", 0x40000000))
    found = (fault.code, fault.info, fault.error, fault.executed)
    wanted = (EXIT_EXCEPTION + 14, 0x40000000, 0, 0)
    return "" if found == wanted else f"found {found}"


def _flags(probe: OffsetProbe) -> str:
    """Carry, sign and parity of a comparison, at a fault of the instruction behind it."""
    compare = b"\xb9\x00\x02\x00\x00\xbe\x00\x36\x00\x00\x48\x39\xf1"  # 0x200 with 0x3600
    store = b"\x89\x04\x25" + struct.pack("<I", _ABSENT)
    context, exit_ = probe.run(compare + store)
    found = (exit_.code, context.get("rflags") & ARITHMETIC)
    return "" if found == (EXIT_NPF, 0x85) else f"found {found}"


def _breakpoint(probe: OffsetProbe) -> str:
    """Stop before the third NOP, and not at it when told to step off."""
    probe.engine.breakpoints.replace([_CODE + 2])
    context, first = probe.run(b"\x90" * 8 + b"\x0f\xa2")
    again = probe.engine.run(context, 16, skip=_CODE + 2)
    probe.engine.breakpoints.replace([])
    found = (first.kind, first.executed, again.kind, again.executed)
    wanted = (ExitKind.BREAKPOINT, 2, ExitKind.INTERCEPT, 6)
    return "" if found == wanted else f"found {found}"


def _features(probe: OffsetProbe) -> str:
    """RDRAND and RDSEED, which the machine answers, and PCLMULQDQ, which is not offered, are
    undefined; MOVBE is offered."""
    undefined = (b"\x0f\xc7\xf0", b"\x0f\xc7\xf8", b"\x66\x0f\x3a\x44\xc1\x00")
    found = [probe.run(code)[1].code for code in undefined]
    _, last = probe.run(b"\x0f\x38\xf0\x04\x25" + struct.pack("<I", 0x8000) + b"\x0f\xa2")
    wanted = [EXIT_EXCEPTION + 6] * len(undefined) + [EXIT_CPUID]
    return "" if [*found, last.code] == wanted else f"found {[*found, last.code]}"


def _control(probe: OffsetProbe) -> str:
    """Writes to CR0 and EFER stop before they are made, and one whose exit is held is made."""
    write = b"\x0f\x20\xc0\x0f\x22\xc0\x0f\xa2"  # mov rax, cr0; mov cr0, rax; cpuid
    context, first = probe.run(write)
    context.intercept_writes(0)
    then = probe.engine.run(context, 16)
    _, efer = probe.run(b"\xb9\x80\x00\x00\xc0\x0f\x30")
    found = (first.code, first.executed, then.code, then.executed, efer.code)
    wanted = (EXIT_WRITE_CR, 1, EXIT_CPUID, 1, EXIT_MSR)
    return "" if found == wanted else f"found {found}"


def _window(probe: OffsetProbe) -> str:
    """A run that waits for it ends behind STI and one instruction, also where that is RET, and
    then an IRET that ends an NMI stops before it is executed."""
    found = []
    for code in (b"\xfb\x90\xfa\x0f\xa2", b"\xe8\x03\0\0\0\xfa\x0f\xa2\xfb\xc3"):
        context, first = probe.run(b"\x0f\xa2" + code)
        context.put("rip", _CODE + 2)
        window = probe.engine.run(context, 16, window=True)
        found += [first.code, window.kind, window.executed]
    context.block_nmi()
    probe.write(_CODE + 7, b"\x48\xcf")
    probe.engine.flush_code()
    found.append(probe.engine.run(context, 16).code)
    wanted = [EXIT_CPUID, ExitKind.BUDGET, 2, EXIT_CPUID, ExitKind.BUDGET, 3, EXIT_IRET]
    return "" if found == wanted else f"found {found}"


def _ports(probe: OffsetProbe) -> str:
    """OUT and IN retire and then stop."""
    _, out = probe.run(b"\x90\xe6\x80")
    _, into = probe.run(b"\xe4\x81\x90")
    found = (out.kind, out.executed, out.code, into.kind, into.executed, into.code)
    wanted = (ExitKind.PORT_OUT, 2, 0x80, ExitKind.PORT_IN, 1, 0x81)
    return "" if found == wanted else f"found {found}"


def _refused_ports(probe: OffsetProbe) -> str:
    """In the middle of an IN the registers are those of its beginning."""
    probe.engine.ports.traps = True
    context, exit_ = probe.run(b"\xb8\x44\x33\x22\x11\xe4\x81")  # mov eax; in al, 0x81
    probe.engine.ports.traps = False
    found = (exit_.executed, exit_.done, context.rip, context.get("rax"))
    wanted = (1, False, _CODE + 5, 0x11223344)
    return "" if found == wanted else f"found {found}"


_CHECKS: Final[tuple[tuple[str, Callable[[OffsetProbe], str]], ...]] = (
    ("registers lie where they are read", _registers),
    ("flags, mode and privilege are those of the guest", _state),
    ("instructions are counted exactly", _counting),
    ("nested page faults tell the guest-physical address", _nested_fault),
    ("page faults tell address and error code", _page_fault),
    ("flags outlive a fault in the middle of a block", _flags),
    ("breakpoints stop before the instruction", _breakpoint),
    ("undefined is what CPUID does not offer", _features),
    ("writes to control registers stop before they are made", _control),
    ("a run ends where interrupts are let in", _window),
    ("port accesses stop after the instruction", _ports),
    ("a port access can be taken back", _refused_ports),
)


def self_test() -> tuple[Check, ...]:
    """Every check with its result; never raises for a check that fails."""
    probe = OffsetProbe()
    results = ((what, check(probe)) for what, check in _CHECKS)
    return tuple(Check(what, not found, found) for what, found in results)


@cache
def require() -> None:
    """Refuse to work with an emulator that differs; asked once per process."""
    for check in self_test():
        if not check.holds:
            raise EngineError(
                f"unicorn: {check.what}: not so in the installed version ({check.found}); "
                "apdbg needs exactly 2.1.4"
            )
