"""The guest-crash MSRs: five parameters and a control register that reports the end."""

from typing import Final

from emu.hw.address import PAGE_BYTES, U64, Gpa
from emu.vmm import panic
from emu.vmm.effects import Crash, Effects, SetMsr
from emu.vmm.msrs.entry import Msr, always, of_partition, store_partition
from emu.vmm.state import Caller

P0: Final = 0x4000_0100
CONTROL: Final = 0x4000_0105
NOTIFY: Final = 1 << 63
MESSAGE: Final = 1 << 62
"""P3 and P4 hold the GPA and the length of a text (TLFS, HV_X64_MSR_GUEST_CRASH_CTL)."""
_TEXT_BYTES_MAX: Final = PAGE_BYTES


def printable(data: bytes) -> str:
    """The text in some bytes, with every run of anything unprintable as one space."""
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else " " for byte in data)
    return " ".join(text.split())


def _parameter(caller: Caller, index: int) -> int:
    return caller.vmm.msrs.get((None, P0 + index), 0)


def _message(caller: Caller, control: int) -> str:
    """The guest's own words, or nothing where it gave none or the host cannot read them."""
    gpa, count = Gpa(_parameter(caller, 3)), _parameter(caller, 4)
    if not control & MESSAGE or not 0 < count <= _TEXT_BYTES_MAX:
        return ""
    data = caller.memory.read(gpa, count)
    if data is None or any(byte >= 0x80 for byte in data):
        return ""
    return panic.sentence(data) or printable(data)  # Linux gives the end of its whole log


def _write_control(caller: Caller, msr: int, value: int) -> Effects:
    """Bit 63 ends the guest; anything else is remembered only."""
    if not value & NOTIFY:
        return (SetMsr(None, msr, value),)
    parameters = ", ".join(f"{_parameter(caller, index):#x}" for index in range(3))
    said = _message(caller, value) or "no message"
    reason = f"CPU {caller.cpu} reported a crash ({parameters}): {said}"
    return (SetMsr(None, msr, value), Crash(reason))


MSRS: Final = (
    Msr(P0, "HV_GUEST_CRASH_P", of_partition(), store_partition(U64), 5),
    Msr(CONTROL, "HV_GUEST_CRASH_CTL", always(NOTIFY | MESSAGE), _write_control),
)
"""TLFS, guest crash enlightenment; reading the control register gives what is supported."""
