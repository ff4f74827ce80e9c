"""IA32_APIC_BASE and the x2APIC's registers, which exist only in x2APIC mode."""

from typing import Final

from emu.vmm import apic, apic_timer
from emu.vmm.apic import APIC_BASE, BSP
from emu.vmm.effects import Effects, EndInterrupt, LatchErrors, ResetApic, SetMsr
from emu.vmm.msrs.entry import Msr, MsrReader, Write, always, of_cpu, store_cpu
from emu.vmm.state import Caller

X2APIC: Final = 1 << 10
ENABLE: Final = 1 << 11
_RESERVED: Final = 0xFF | 1 << 9 | ~((1 << 40) - 1)
_LVT_READ_ONLY: Final = 1 << 12 | 1 << 14
"""Delivery status and remote IRR."""
LVT_BITS: Final = (0x710FF, 0x117FF, 0x117FF, 0x1F7FF, 0x1F7FF, 0x110FF)
"""Timer, thermal, performance, LINT0, LINT1, error: what is not reserved (SDM 3, figure
11-8)."""


def apic_base(caller: Caller) -> int:
    """IA32_APIC_BASE of the calling CPU."""
    return apic.base(caller.platform, caller.vmm, caller.cpu)


def _write_base(caller: Caller, msr: int, value: int) -> Effects | None:
    """Mode changes that the SDM forbids (3, figure 11-27) are #GP; the BSP bit is kept."""
    before, after = apic_base(caller), value & (ENABLE | X2APIC)
    if value & _RESERVED or after == X2APIC:
        return None
    was = before & (ENABLE | X2APIC)
    if (was, after) in ((0, ENABLE | X2APIC), (ENABLE | X2APIC, ENABLE)):
        return None
    off = (ResetApic(caller.cpu),) if was and not after else ()
    return (SetMsr(caller.cpu, msr, value & ~BSP | before & BSP), *off)


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
    return apic.processor_priority(caller.vmm, caller.cpu)


def _requested(caller: Caller, msr: int) -> int:
    """One of the eight IRR words."""
    return caller.vmm.vps[caller.cpu].pending >> 32 * (msr - 0x820) & 0xFFFF_FFFF


def _in_service(caller: Caller, msr: int) -> int:
    """One of the eight ISR words."""
    return caller.vmm.vps[caller.cpu].in_service >> 32 * (msr - 0x810) & 0xFFFF_FFFF


def _write_eoi(caller: Caller, msr: int, value: int) -> Effects | None:
    return None if value else (EndInterrupt(caller.cpu),)


def _write_errors(caller: Caller, msr: int, value: int) -> Effects | None:
    return None if value else (LatchErrors(caller.cpu),)


def _write_spurious(caller: Caller, msr: int, value: int) -> Effects | None:
    """Switching the APIC off masks all of its local sources (SDM 3, 11.4.7.2)."""
    if value & ~(0xFF | apic.SOFTWARE_ENABLE):
        return None
    kept = SetMsr(caller.cpu, msr, value)
    if value & apic.SOFTWARE_ENABLE:
        return (kept,)
    masked, msrs = apic.MASKED, caller.vmm.msrs
    sources = ((caller.cpu, apic_timer.LVT + index) for index in range(len(LVT_BITS)))
    open_ = [key for key in sources if not msrs.get(key, masked) & masked]
    return (kept, *(SetMsr(cpu, lvt, msrs[cpu, lvt] | masked) for cpu, lvt in open_))


def _write_icr(caller: Caller, msr: int, value: int) -> Effects | None:
    if value & apic.RESERVED:
        return None
    value &= ~apic.DELIVERY_STATUS
    return (SetMsr(caller.cpu, msr, value), *apic.send(caller, value))


def _write_self_ipi(caller: Caller, msr: int, value: int) -> Effects | None:
    return None if value & ~0xFF else apic.send(caller, 1 << 18 | value, "X2APIC_SELF_IPI")


def _write_lvt(caller: Caller, msr: int, value: int) -> Effects | None:
    """The local vector table: timer, thermal, performance, LINT0, LINT1, error. All stay masked
    while the APIC is switched off."""
    if value & ~LVT_BITS[msr - apic_timer.LVT]:
        return None
    value &= ~_LVT_READ_ONLY
    if not apic.accepts(caller.vmm, caller.cpu):
        value |= apic.MASKED
    timer = msr == apic_timer.LVT
    return (
        apic_timer.write_lvt(caller, msr, value) if timer else (SetMsr(caller.cpu, msr, value),)
    )


REGISTERS: Final = (
    Msr(0x802, "X2APIC_APICID", lambda caller, _: _apic_id(caller), None),
    Msr(0x803, "X2APIC_VERSION", always(0x0005_0014), None),
    Msr(apic.TPR, "X2APIC_TPR", of_cpu(), store_cpu(0xFF)),
    Msr(0x80A, "X2APIC_PPR", _priority, None),
    Msr(0x80B, "X2APIC_EOI", None, _write_eoi),
    Msr(0x80D, "X2APIC_LDR", lambda caller, _: apic.logical_id(_apic_id(caller)), None),
    Msr(apic.SPURIOUS, "X2APIC_SIVR", of_cpu(apic.SPURIOUS_RESET), _write_spurious),
    Msr(0x810, "X2APIC_ISR", _in_service, None, 8),
    Msr(0x818, "X2APIC_TMR", always(0), None, 8),
    Msr(0x820, "X2APIC_IRR", _requested, None, 8),
    Msr(apic.ERRORS, "X2APIC_ESR", of_cpu(), _write_errors),
    Msr(0x830, "X2APIC_ICR", of_cpu(), _write_icr),
    Msr(apic_timer.LVT, "X2APIC_LVT", of_cpu(apic.MASKED), _write_lvt, 6),
    Msr(apic_timer.INITIAL, "X2APIC_INIT_COUNT", of_cpu(), apic_timer.write_initial),
    Msr(0x839, "X2APIC_CUR_COUNT", lambda caller, _: apic_timer.current_count(caller), None),
    Msr(apic_timer.DIVIDE, "X2APIC_DIV_CONF", of_cpu(), apic_timer.write_divide),
    Msr(0x83F, "X2APIC_SELF_IPI", None, _write_self_ipi),
)

MSRS: Final = (
    Msr(APIC_BASE, "APIC_BASE", lambda caller, _: apic_base(caller), _write_base),
    Msr(apic_timer.TSC_DEADLINE, "TSC_DEADLINE", of_cpu(), apic_timer.write_deadline),
    *(_guarded(entry) for entry in REGISTERS),
)
"""SDM 3, table 11-6. The trigger-mode words are always clear: nothing here is level-triggered.
There is no CMCI (0x82F), since IA32_MCG_CAP offers none."""
