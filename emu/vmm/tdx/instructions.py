"""What the TDX module gives back to the TD as a #VE, for the host would have to do it
(intel/tdx-module, `tdx_td_dispatcher`)."""

from typing import Final

from emu.vmm import asked as ask
from emu.vmm.effects import Effects, RaiseException, VeInfo
from emu.vmm.state import Caller
from emu.vmm.ve import Reason, of_instruction, virtualization_exception

_UNDEFINED: Final = 6
_BY_MNEMONIC: Final = {
    "invd": Reason.INVD,
    "wbinvd": Reason.WBINVD,
}
_IN, _STRING, _REPEATED, _IMMEDIATE = 1 << 3, 1 << 4, 1 << 5, 1 << 6
_ADDRESS_SIZES: Final = {2: 0, 4: 1, 8: 2}

Returned = ask.Hlt | ask.CacheFlush | ask.Vmcall | ask.PortIn | ask.PortOut
"""What a TD cannot have executed."""


def instruction(caller: Caller, asked: Returned) -> Effects:
    """#VE with the exit reason of the instruction, and all that VMX tells of it."""
    match asked:
        case ask.Hlt(size):
            return of_instruction(caller, Reason.HLT, size, "HLT")
        case ask.CacheFlush(size, name):
            return of_instruction(caller, _BY_MNEMONIC[name], size, name.upper())
        case ask.Vmcall(size, _, "vmcall"):
            return of_instruction(caller, Reason.VMCALL, size, "VMCALL")
        case ask.Vmcall(_, _, name):
            return (RaiseException(_UNDEFINED, None, f"#UD: {name}"),)
        case ask.PortIn() | ask.PortOut():
            return _port(caller, asked)


_WRITES, _FETCHES = 1 << 1, 1 << 4
"""Of a #PF's error code, which that of a nested fault resembles."""
_READ, _WRITE, _FETCH, _LINEAR = 1, 2, 4, 3 << 7


def not_shared(caller: Caller, error: int, gpa: int, gla: int | None, doing: str) -> Effects:
    """An access to a shared address that the host shows nothing at: the processor itself makes
    it a #VE, whose exit qualification is that of an EPT violation (SDM 3, table 28-7): what
    was tried, no right at all, and a linear address. The instruction's length is not told.
    (While the last #VE is unread the processor would leave to the host instead, whose guest
    cannot go on: here that is a #DF, as of the module's own.)"""
    tried = _FETCH if error & _FETCHES else _WRITE if error & _WRITES else _READ
    info = VeInfo(Reason.EPT_VIOLATION, tried | _LINEAR, gla or 0, gpa, 0)
    what = f"{doing} GPA {gpa:#x}, which is not shared"
    return virtualization_exception(caller, info, what)


def _port(caller: Caller, asked: ask.PortIn | ask.PortOut) -> Effects:
    """Exit qualification of I/O instructions (SDM 3, table 28-5), and for strings the
    information on the instruction (table 28-8)."""
    form = asked.form
    assert form is not None, "a TD's access to a port is told before it is done"
    into = isinstance(asked, ask.PortIn)
    qualification = asked.port << 16 | asked.width - 1
    flags = (into, _IN), (form.string, _STRING), (form.repeated, _REPEATED)
    for holds, bit in (*flags, (form.immediate, _IMMEDIATE)):
        qualification |= bit if holds else 0
    information = 0
    if form.string:
        information = _ADDRESS_SIZES[form.address_bytes] << 7
        information |= 0 if into else form.segment << 15
    name = ("IN" if into else "OUT") + ("S" if form.string else "")
    what = f"{name} of {asked.width} at port {asked.port:#x}"
    return of_instruction(caller, Reason.IO, asked.size, what, qualification, information)
