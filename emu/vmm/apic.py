"""The x2APIC's interrupt command register: who gets an INIT, a SIPI, an interrupt or an NMI."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.vmm.effects import Effect, Effects, Note, SendInit, SendInterrupt, SendSipi
from emu.vmm.state import Caller

FIXED, LOWEST, SMI, NMI, INIT, SIPI = 0, 1, 2, 4, 5, 6
_MODES: Final = {0: "fixed", 1: "lowest-priority", 2: "SMI", 4: "NMI", 5: "INIT", 6: "SIPI"}
RESERVED: Final = 0xFFF3_3000
"""ICR bits 13:12, 17:16 and 31:20; setting one is #GP (SDM 3, 11.12.9)."""
BROADCAST: Final = 0xFFFF_FFFF
LOWEST_VECTOR: Final = 16
"""Vectors 0 to 15 are illegal for interrupts (SDM 3, 11.5.2)."""


class IcrCommand(Struct, frozen=True):
    """One value written to the x2APIC ICR (MSR 0x830), taken apart (SDM 3, figure 11-28)."""

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


def _matches(command: IcrCommand, apic_id: int) -> bool:
    if command.destination == BROADCAST:
        return True
    if not command.logical:
        return apic_id == command.destination
    mine = logical_id(apic_id)
    return mine >> 16 == command.destination >> 16 and bool(mine & command.destination & 0xFFFF)


def targets(caller: Caller, command: IcrCommand) -> tuple[int, ...]:
    """The CPUs that a command reaches, in VP-index order."""
    everyone = range(len(caller.vmm.vps))
    if command.shorthand == 1:
        return (caller.cpu,)
    if command.shorthand == 2:
        return tuple(everyone)
    if command.shorthand == 3:
        return tuple(cpu for cpu in everyone if cpu != caller.cpu)
    return tuple(cpu for cpu in everyone if _matches(command, caller.vmm.vps[cpu].apic_id))


def _refusal(caller: Caller, command: IcrCommand) -> str | None:
    """Why the APIC sends nothing, or None."""
    name = _MODES.get(command.mode)
    if name is None:
        return f"delivery mode {command.mode} is reserved"
    if command.mode == SMI:
        return "SMIs are not modelled"
    if command.shorthand in (1, 2) and command.mode not in (FIXED, LOWEST):
        return f"{name} may not be sent to the sender itself by shorthand"
    if command.mode in (FIXED, LOWEST) and command.vector < LOWEST_VECTOR:
        return f"vector {command.vector} is illegal"
    if caller.platform.isolation == "tdx" and command.mode in (INIT, SIPI):
        return f"a TD's virtual processors do not take {name}"
    return None


def _delivery(caller: Caller, command: IcrCommand) -> Callable[[int], Effect]:
    match command.mode:
        case 5:
            return SendInit
        case 6:
            return lambda cpu: SendSipi(cpu, command.vector)
        case 4:
            return lambda cpu: SendInterrupt(cpu, 2, nmi=True)
    return lambda cpu: SendInterrupt(cpu, command.vector)


def send(caller: Caller, value: int) -> Effects:
    """What a write of `value` to the ICR delivers; its reserved bits are already checked.

    An INIT de-assert does nothing, as on every processor since the Pentium 4. A SIPI is
    always delivered: whether the CPU waits for one is for the machine to say."""
    command = decode(value)
    refusal = _refusal(caller, command)
    if refusal is not None:
        return (Note(f"ICR {value:#x} dropped: {refusal}"),)
    if command.mode == INIT and command.level_triggered and not command.assert_level:
        return (Note("INIT de-assert ignored"),)
    reached = targets(caller, command)
    if not reached:
        return (
            Note(
                f"{_MODES[command.mode]} dropped: no CPU has APIC id {command.destination:#x}"
            ),
        )
    if command.mode == LOWEST:
        reached = reached[:1]
    deliver = _delivery(caller, command)
    return tuple(deliver(cpu) for cpu in reached)
