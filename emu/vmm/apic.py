"""The local APIC of a CPU: what it lets through, and (its interrupt command register) who gets
an INIT, a SIPI, an interrupt or an NMI.

SDM 3, chapter 11. What is kept: the requested vectors and those in service in `VpState`, all
registers in `VmmState.msrs` by their x2APIC numbers.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.boot.platform import Platform
from emu.vmm.effects import (
    ApicError,
    Effect,
    Effects,
    Note,
    SendInit,
    SendInterrupt,
    SendSipi,
    Sent,
)
from emu.vmm.plugged import is_out
from emu.vmm.state import NMI_PENDING, Caller, VmmState

APIC_BASE, TPR, SPURIOUS, ERRORS = 0x1B, 0x808, 0x80F, 0x828
LDR, DFR = 0x80D, 0x80E
"""Of xAPIC mode, where software writes them; kept under these numbers."""
PAGE: Final = 0xFEE0_0000
"""Where IA32_APIC_BASE has the registers in xAPIC mode."""
LVT_ERROR: Final = 0x837
MASKED: Final = 1 << 16
"""Of an entry of the local vector table."""
BSP, EXTENDED, ENABLED = 1 << 8, 1 << 10, 1 << 11
"""Of IA32_APIC_BASE (SDM 3, figure 11-26)."""
SOFTWARE_ENABLE: Final = 1 << 8
"""Of the spurious-interrupt vector register."""
SPURIOUS_RESET: Final = 0xFF
SEND_ILLEGAL, RECEIVE_ILLEGAL = 1 << 5, 1 << 6
"""Of the error status register (SDM 3, figure 11-9)."""
POWER_UP: Final = (
    TPR, SPURIOUS, ERRORS, 0x830, *range(0x832, 0x838), 0x838, 0x83E, 0x6E0,
)  # fmt: skip
"""Registers that INIT gives the value that they have at power-up (SDM 3, 11.4.7)."""

FIXED, LOWEST, SMI, NMI, INIT, SIPI = 0, 1, 2, 4, 5, 6
_MODES: Final = {0: "fixed", 1: "lowest-priority", 2: "SMI", 4: "NMI", 5: "INIT", 6: "SIPI"}
RESERVED: Final = 0xFFF3_2000
"""ICR bits 13, 17:16 and 31:20; setting one is #GP (SDM 3, 11.12.9)."""
DELIVERY_STATUS: Final = 1 << 12
"""There is none in x2APIC mode: the bit is ignored."""
BROADCAST: Final = 0xFFFF_FFFF
XAPIC_BROADCAST: Final = 0xFF
FLAT: Final = 0xF
"""The destination format register's model in which each bit is a CPU (SDM 3, 11.6.2.2)."""
LOWEST_VECTOR: Final = 16
"""Vectors 0 to 15 are illegal for interrupts (SDM 3, 11.5.2)."""


def task_priority(vmm: VmmState, cpu: int) -> int:
    """TPR; bits 7:4 are CR8."""
    return vmm.msrs.get((cpu, TPR), 0)


def processor_priority(vmm: VmmState, cpu: int) -> int:
    """PPR (SDM 3, 11.8.3.1): the TPR, or the class of the highest vector in service."""
    tpr, serving = task_priority(vmm, cpu), vmm.vps[cpu].in_service
    top = (serving.bit_length() - 1) & 0xF0 if serving else 0
    return tpr if tpr & 0xF0 >= top else top


def lets_in(vmm: VmmState, cpu: int, vector: int) -> bool:
    """Whether a vector's class is above the processor's priority."""
    return vector >> 4 > processor_priority(vmm, cpu) >> 4


def offered(vmm: VmmState, cpu: int) -> int | None:
    """The vector that the CPU is interrupted by as soon as its flags allow: the highest one
    requested, if its priority is high enough (SDM 3, 11.8.3)."""
    requested = vmm.vps[cpu].pending & ~NMI_PENDING
    if not requested:
        return None
    top = requested.bit_length() - 1
    return top if lets_in(vmm, cpu, top) else None


def accepts(vmm: VmmState, cpu: int) -> bool:
    """Whether interrupts are accepted: not while software has the APIC disabled (11.4.7.2)."""
    return bool(vmm.msrs.get((cpu, SPURIOUS), SPURIOUS_RESET) & SOFTWARE_ENABLE)


def begin_in_x2apic(vmm: VmmState, cpu: int) -> None:
    """Firmware has switched a CPU's APIC to x2APIC mode, which INIT leaves it in (SDM 3,
    11.12.5.1)."""
    vmm.msrs[cpu, APIC_BASE] = PAGE | ENABLED | EXTENDED | (0 if cpu else BSP)


def base(platform: Platform, vmm: VmmState, cpu: int) -> int:
    """IA32_APIC_BASE of a CPU. A TD starts, and stays, in x2APIC mode."""
    start = PAGE | ENABLED | (0 if cpu else BSP)
    start |= EXTENDED if platform.isolation == "tdx" else 0
    return vmm.msrs.get((cpu, APIC_BASE), start)


def is_boot_processor(vmm: VmmState, cpu: int) -> bool:
    """IA32_APIC_BASE.BSP, which only a reset sets."""
    return bool(vmm.msrs.get((cpu, APIC_BASE), 0 if cpu else BSP) & BSP)


class IcrCommand(Struct, frozen=True):
    """One value of the ICR, taken apart; the destination is an x2APIC's, 32 bits wide, or an
    xAPIC's (SDM 3, figures 11-12 and 11-28)."""

    vector: int
    mode: int
    logical: bool
    assert_level: bool
    level_triggered: bool
    shorthand: int
    """0 none, 1 self, 2 all including self, 3 all but self."""
    destination: int


def decode(value: int) -> IcrCommand:
    """The fields of an ICR value; the reserved bits are the caller's to check."""
    return IcrCommand(
        vector=value & 0xFF,
        mode=value >> 8 & 7,
        logical=bool(value >> 11 & 1),
        assert_level=bool(value >> 14 & 1),
        level_triggered=bool(value >> 15 & 1),
        shorthand=value >> 18 & 3,
        destination=value >> 32,
    )


def logical_id(apic_id: int) -> int:
    """The x2APIC's logical id: cluster in 31:16, one bit in 15:0 (SDM 3, 11.12.10.2)."""
    return (apic_id >> 4) << 16 | 1 << (apic_id & 0xF)


def _matches_by_xapic(vmm: VmmState, cpu: int, command: IcrCommand) -> bool:
    """Eight bits: an id, or a message destination address that the LDR is held against, as a
    set of CPUs or as cluster and set (SDM 3, 11.6.2)."""
    if not command.logical:
        return command.destination in (XAPIC_BROADCAST, vmm.vps[cpu].apic_id & 0xFF)
    mine = vmm.msrs.get((cpu, LDR), 0) >> 24
    if vmm.msrs.get((cpu, DFR), BROADCAST) >> 28 == FLAT:
        return bool(mine & command.destination)
    cluster = command.destination >> 4
    return cluster in (0xF, mine >> 4) and bool(mine & command.destination & 0xF)


def _matches(command: IcrCommand, apic_id: int) -> bool:
    if command.destination == BROADCAST:
        return True
    if not command.logical:
        return apic_id == command.destination
    mine = logical_id(apic_id)
    return mine >> 16 == command.destination >> 16 and bool(mine & command.destination & 0xFFFF)


def targets(caller: Caller, command: IcrCommand) -> tuple[int, ...]:
    """The CPUs that a command reaches, in VP-index order; none that is out."""
    return tuple(cpu for cpu in _named(caller, command) if not is_out(caller.vmm, cpu))


def _named(caller: Caller, command: IcrCommand) -> tuple[int, ...]:
    everyone = range(len(caller.vmm.vps))
    if command.shorthand == 1:
        return (caller.cpu,)
    if command.shorthand == 2:
        return tuple(everyone)
    if command.shorthand == 3:
        return tuple(cpu for cpu in everyone if cpu != caller.cpu)
    if not base(caller.platform, caller.vmm, caller.cpu) & EXTENDED:
        return tuple(cpu for cpu in everyone if _matches_by_xapic(caller.vmm, cpu, command))
    return tuple(cpu for cpu in everyone if _matches(command, caller.vmm.vps[cpu].apic_id))


def words(value: int) -> str:
    """A value of the ICR in words: `SIPI 0x10 to APIC id 0x1`."""
    command = decode(value)
    name = _MODES.get(command.mode, f"mode {command.mode}")
    vector = f" {command.vector:#x}" if command.mode in (FIXED, LOWEST, SIPI) else ""
    end = " de-assert" if command.mode == INIT and not command.assert_level else ""
    whom = "all" if command.destination == BROADCAST else f"{command.destination:#x}"
    kind = "logical id" if command.logical else "APIC id"
    to = ("", "itself", "all", "all others")[command.shorthand] or f"{kind} {whom}"
    return f"{name}{vector}{end} to {to}"


def _refusal(caller: Caller, command: IcrCommand) -> str | None:
    """Why the APIC sends nothing, or None."""
    name = _MODES.get(command.mode)
    if name is None:
        return f"delivery mode {command.mode} is reserved"
    if command.mode == SMI:
        return "SMIs are not modelled"
    if command.shorthand in (1, 2) and command.mode != FIXED:
        return f"{name} may not be sent to the sender itself by shorthand"
    if caller.platform.isolation == "tdx" and command.mode in (INIT, SIPI):
        return f"a TD's virtual processors do not take {name}"
    return None


def _delivery(command: IcrCommand) -> Callable[[int], Effect]:
    match command.mode:
        case 5:
            return SendInit
        case 6:
            return lambda cpu: SendSipi(cpu, command.vector)
    return lambda cpu: SendInterrupt(cpu, 2, nmi=True, ipi=True)


def _sent(command: IcrCommand, reached: tuple[int, ...], register: str) -> Sent:
    """`sends SIPI 0x9e to cpu 2 by X2APIC_ICR`."""
    vector = f" {command.vector:#x}" if command.mode in (FIXED, LOWEST, SIPI) else ""
    plain = {FIXED: "interrupt", LOWEST: "lowest-priority interrupt"}
    name = plain.get(command.mode) or _MODES[command.mode]
    if len(reached) == 1:
        whom = f"cpu {reached[0]}"
    elif reached == tuple(range(reached[0], reached[-1] + 1)):
        whom = f"cpus {reached[0]}-{reached[-1]}"
    else:
        whom = f"{len(reached):,} cpus"
    return Sent(f"sends {name}{vector} to {whom} by {register}")


def send(caller: Caller, value: int, register: str = "X2APIC_ICR") -> Effects:
    """What a write of `value` to the ICR delivers; its reserved bits are already checked.
    `register`: the one that is written.

    An INIT de-assert does nothing, as on every processor since the Pentium 4. A SIPI is
    always delivered: whether the CPU waits for one is for the machine to say. An illegal vector
    is an error of the sender's, and with the shorthand for itself of the receiver's, too."""
    command = decode(value)
    refusal = _refusal(caller, command)
    if refusal is not None:
        return (Note(f"ICR {value:#x} dropped: {refusal}"),)
    if command.mode in (FIXED, LOWEST) and command.vector < LOWEST_VECTOR:
        return _illegal(caller, command)
    if command.mode == INIT and command.level_triggered and not command.assert_level:
        return (Note("INIT de-assert ignored"),)
    reached = targets(caller, command)
    if not reached:
        return (
            Note(
                f"{_MODES[command.mode]} dropped: no CPU has APIC id {command.destination:#x}"
            ),
        )
    sent = _sent(command, reached, register)
    if command.mode in (FIXED, LOWEST):
        return (sent, *_interrupts(caller, command, reached))
    deliver = _delivery(command)
    return (sent, *(deliver(cpu) for cpu in reached))


def _illegal(caller: Caller, command: IcrCommand) -> Effects:
    """A vector below 16 goes nowhere (SDM 3, 11.5.3)."""
    errors = SEND_ILLEGAL | (RECEIVE_ILLEGAL if command.shorthand == 1 else 0)
    why = f"interrupt {command.vector:#x} dropped: vectors below 16 are illegal"
    return (ApicError(caller.cpu, errors), Note(why))


def _interrupts(caller: Caller, command: IcrCommand, reached: tuple[int, ...]) -> Effects:
    """Fixed interrupts go to all whose APIC accepts them, lowest-priority ones to the first."""
    deaf = tuple(cpu for cpu in reached if not accepts(caller.vmm, cpu))
    ready = tuple(cpu for cpu in reached if cpu not in deaf)
    if command.mode == LOWEST:
        ready, deaf = ready[:1], () if ready else deaf
    notes = (
        Note(f"interrupt {command.vector:#x} to cpu {cpu} is lost: its APIC is switched off")
        for cpu in deaf
    )
    return (*(SendInterrupt(cpu, command.vector, ipi=True) for cpu in ready), *notes)
