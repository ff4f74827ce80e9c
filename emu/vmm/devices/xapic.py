"""The local APIC as a page of memory: xAPIC mode, each CPU its own at one address.

Source: SDM 3, table 11-1 (registers, each 32 bits at a multiple of 16 bytes), 11.4.6 (id),
11.5.3 (errors), 11.6.2 (destinations), figures 11-12, 11-13 and 11-14. What a register does is
what the MSR of its x2APIC number does (`emu.vmm.msrs.x2apic`), but for reserved bits, which are
no #GP here: they are ignored.
"""

from collections.abc import Callable
from typing import Final

from emu.vmm import apic, apic_timer
from emu.vmm.devices.device import Device, Window, silent
from emu.vmm.effects import ApicError, Effects, SetMsr
from emu.vmm.msrs import x2apic
from emu.vmm.state import Caller

_PAGE_BYTES: Final = 0x1000
_APART: Final = 16
_BYTES: Final = 4
_FIRST: Final = 0x800
_ID, _VERSION, _ARBITRATION, _REMOTE = 0x802, 0x803, 0x809, 0x80C
_LDR, _DFR, _ICR, _ICR_HIGH = apic.LDR, apic.DFR, 0x830, 0x831
_SELF_IPI: Final = 0x83F
"""Of x2APIC mode alone."""
_ILLEGAL_REGISTER: Final = 1 << 7
"""Of the error status register: an access where no register is."""
_U32: Final = 0xFFFF_FFFF
_HIGH_BITS: Final = 0xFF00_0000
_TAKEN: Final[dict[int, int]] = {
    apic.TPR: 0xFF, 0x80B: 0, apic.SPURIOUS: 0xFF | apic.SOFTWARE_ENABLE, apic.ERRORS: 0,
    **{apic_timer.LVT + index: bits for index, bits in enumerate(x2apic.LVT_BITS)},
    apic_timer.INITIAL: _U32, apic_timer.DIVIDE: 0xB,
}  # fmt: skip
"""Registers that can be written -> the bits that are not ignored."""
_MSRS: Final = {
    one.number + index: one
    for one in x2apic.REGISTERS
    for index in range(one.count)
    if one.number not in (_ID, _LDR, _ICR, _SELF_IPI)
}


def _kept(usual: int = 0, mask: int = _U32) -> Callable[[Caller, int], int]:
    return lambda caller, number: caller.vmm.msrs.get((caller.cpu, number), usual) & mask


_READS: Final[dict[int, Callable[[Caller, int], int]]] = {
    _ID: lambda caller, _: (caller.vmm.vps[caller.cpu].apic_id & 0xFF) << 24,
    _ARBITRATION: lambda caller, _: apic.processor_priority(caller.vmm, caller.cpu),
    _REMOTE: lambda *_: 0,
    _LDR: _kept(mask=_HIGH_BITS),
    _DFR: _kept(_U32),
    _ICR: _kept(),
    _ICR_HIGH: lambda caller, _: caller.vmm.msrs.get((caller.cpu, _ICR), 0) >> 32,
}


def _is_here(caller: Caller) -> bool:
    """Whether the calling CPU's APIC answers at its page."""
    base = apic.base(caller.platform, caller.vmm, caller.cpu)
    return base & (apic.ENABLED | apic.EXTENDED) == apic.ENABLED


def _read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    """A register; its bytes can be read one by one, and the 12 behind it are 0."""
    if not _is_here(caller):
        return silent(caller, offset, width)
    number, byte = _FIRST + offset // _APART, offset % _APART
    value, effects = _register(caller, number)
    return (value >> 8 * byte if byte < _BYTES else 0), effects


def _register(caller: Caller, number: int) -> tuple[int, Effects]:
    own = _READS.get(number)
    if own is not None:
        return own(caller, number), ()
    entry = _MSRS.get(number)
    if entry is None:
        return 0, (ApicError(caller.cpu, _ILLEGAL_REGISTER),)
    return (entry.read(caller, number) or 0) & _U32 if entry.read else 0, ()


def _write(caller: Caller, offset: int, width: int, value: int) -> Effects:
    """A store of a whole register; of a part of one, the SDM says nothing (11.4.1): lost."""
    if not _is_here(caller) or offset % _APART or width < _BYTES:
        return ()
    number, value, cpu = _FIRST + offset // _APART, value & _U32, caller.cpu
    if number in _TAKEN:
        entry = _MSRS[number]
        assert entry.write is not None, "the table has those that can be written"
        return entry.write(caller, number, value & _TAKEN[number]) or ()
    icr = caller.vmm.msrs.get((cpu, _ICR), 0)
    match number:
        case 0x80D:
            return (SetMsr(cpu, _LDR, value & _HIGH_BITS),)
        case 0x80E:
            return (SetMsr(cpu, _DFR, value | 0x0FFF_FFFF),)
        case 0x830:
            low = value & ~(apic.RESERVED | apic.DELIVERY_STATUS)
            sent = icr >> 56 << 32 | low
            return (SetMsr(cpu, _ICR, icr & ~_U32 | low), *apic.send(caller, sent, "APIC_ICR"))
        case 0x831:
            return (SetMsr(cpu, _ICR, (value & _HIGH_BITS) << 32 | icr & _U32),)
    known = number in _READS or number in _MSRS
    return () if known else (ApicError(cpu, _ILLEGAL_REGISTER),)


XAPIC: Final = Device("xapic", _read, _write, windows=(Window(apic.PAGE, _PAGE_BYTES),))
