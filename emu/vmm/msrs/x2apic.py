"""IA32_APIC_BASE and the x2APIC's registers, which exist only in x2APIC mode."""

from typing import Final

from emu.vmm import apic, apic_timer
from emu.vmm.effects import Effects, SetMsr
from emu.vmm.msrs.entry import Msr, MsrReader, Write, always, of_cpu, store_cpu, zero_only
from emu.vmm.state import Caller

APIC_BASE: Final = 0x1B
BSP: Final = 1 << 8
X2APIC: Final = 1 << 10
ENABLE: Final = 1 << 11
_BASE_ADDRESS: Final = 0xFEE0_0000
_RESERVED: Final = 0xFF | 1 << 9 | ~((1 << 40) - 1)
_LVT: Final = 0x0007_F7FF


def apic_base(caller: Caller) -> int:
    """IA32_APIC_BASE of the calling CPU. A TD starts, and stays, in x2APIC mode."""
    start = _BASE_ADDRESS | ENABLE | (BSP if caller.cpu == 0 else 0)
    if caller.platform.isolation == "tdx":
        start |= X2APIC
    return caller.vmm.msrs.get((caller.cpu, APIC_BASE), start)


def _write_base(caller: Caller, msr: int, value: int) -> Effects | None:
    """Mode changes that the SDM forbids (3, figure 11-27) are #GP; the BSP bit is kept."""
    before, after = apic_base(caller), value & (ENABLE | X2APIC)
    if value & _RESERVED or after == X2APIC:
        return None
    was = before & (ENABLE | X2APIC)
    if (was, after) in ((0, ENABLE | X2APIC), (ENABLE | X2APIC, ENABLE)):
        return None
    return (SetMsr(caller.cpu, msr, value & ~BSP | before & BSP),)


def _guarded(entry: Msr) -> Msr:
    """The same register, but #GP until the CPU is in x2APIC mode."""
    return Msr(
        entry.number,
        entry.name,
        entry.read and _read_in_x2apic(entry.read),
        entry.write and _write_in_x2apic(entry.write),
        entry.count,
    )


def _read_in_x2apic(read: MsrReader) -> MsrReader:
    return lambda caller, msr: read(caller, msr) if apic_base(caller) & X2APIC else None


def _write_in_x2apic(write: Write) -> Write:
    def guarded(caller: Caller, msr: int, value: int) -> Effects | None:
        return write(caller, msr, value) if apic_base(caller) & X2APIC else None

    return guarded


def _apic_id(caller: Caller) -> int:
    return caller.vmm.vps[caller.cpu].apic_id


def _priority(caller: Caller, msr: int) -> int:
    """PPR: nothing is in service, so it is the TPR."""
    return caller.vmm.msrs.get((caller.cpu, 0x808), 0)


def _requested(caller: Caller, msr: int) -> int:
    """One of the eight IRR words: the vectors that wait."""
    first = (msr - 0x820) * 32
    waiting = (vector - first for vector in caller.vmm.vps[caller.cpu].pending)
    return sum(1 << bit for bit in set(waiting) if 0 <= bit < 32)


def _write_icr(caller: Caller, msr: int, value: int) -> Effects | None:
    if value & apic.RESERVED:
        return None
    return (SetMsr(caller.cpu, msr, value), *apic.send(caller, value))


def _write_self_ipi(caller: Caller, msr: int, value: int) -> Effects | None:
    return None if value & ~0xFF else apic.send(caller, 1 << 18 | value)


def _write_lvt(caller: Caller, msr: int, value: int) -> Effects | None:
    """The local vector table: timer, thermal, performance, LINT0, LINT1, error."""
    if value & ~_LVT:
        return None
    timer = msr == apic_timer.LVT
    return (
        apic_timer.write_lvt(caller, msr, value) if timer else (SetMsr(caller.cpu, msr, value),)
    )


_REGISTERS: Final = (
    Msr(0x802, "X2APIC_APICID", lambda caller, _: _apic_id(caller), None),
    Msr(0x803, "X2APIC_VERSION", always(0x0005_0014), None),
    Msr(0x808, "X2APIC_TPR", of_cpu(), store_cpu(0xFF)),
    Msr(0x80A, "X2APIC_PPR", _priority, None),
    Msr(0x80B, "X2APIC_EOI", None, zero_only),
    Msr(0x80D, "X2APIC_LDR", lambda caller, _: apic.logical_id(_apic_id(caller)), None),
    Msr(apic_timer.SPURIOUS, "X2APIC_SIVR", of_cpu(0xFF), store_cpu(0x1FF)),
    Msr(0x810, "X2APIC_ISR", always(0), None, 8),
    Msr(0x818, "X2APIC_TMR", always(0), None, 8),
    Msr(0x820, "X2APIC_IRR", _requested, None, 8),
    Msr(0x828, "X2APIC_ESR", always(0), zero_only),
    Msr(0x830, "X2APIC_ICR", of_cpu(), _write_icr),
    Msr(apic_timer.LVT, "X2APIC_LVT", of_cpu(apic_timer.MASKED), _write_lvt, 6),
    Msr(apic_timer.INITIAL, "X2APIC_INIT_COUNT", of_cpu(), apic_timer.write_initial),
    Msr(0x839, "X2APIC_CUR_COUNT", lambda caller, _: apic_timer.current_count(caller), None),
    Msr(apic_timer.DIVIDE, "X2APIC_DIV_CONF", of_cpu(), apic_timer.write_divide),
    Msr(0x83F, "X2APIC_SELF_IPI", None, _write_self_ipi),
)

MSRS: Final = (
    Msr(APIC_BASE, "APIC_BASE", lambda caller, _: apic_base(caller), _write_base),
    Msr(apic_timer.TSC_DEADLINE, "TSC_DEADLINE", of_cpu(), apic_timer.write_deadline),
    *(_guarded(entry) for entry in _REGISTERS),
)
"""SDM 3, table 11-6. The in-service and trigger-mode words are always clear."""
