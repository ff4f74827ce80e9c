"""TDG.VM.RD (7), TDG.VM.WR (8), TDG.SYS.RD (11): what the module knows of TD and system."""

from collections.abc import Callable
from typing import Final

from emu.vmm.effects import Effects
from emu.vmm.state import Caller
from emu.vmm.tdx.abi import Code, Operand
from emu.vmm.tdx.info import ATTRIBUTES
from emu.vmm.tdx.leaf import Shown, TdcallLeaf, done, failed

CONFIG_FLAGS: Final = 0x9110_0003_0000_0016
"""Bit 0 GPAW 52 and bit 5 TDX Connect are off."""
NO_RBP_MOD: Final = 1 << 2
"""The bit of CONFIG_FLAGS by which a call to the host leaves RBP alone (TDX module,
config_flags_t)."""
FEATURE_NO_RBP_MOD: Final = 1 << 18
"""The bit of TDX_FEATURES0 that says that there is such a thing (Linux, x86, asm/tdx.h)."""
PAGE_RELEASE: Final = 1 << 6
"""The bit by which a TD may give pages back (config_flags_t)."""
NOTIFY_ENABLES: Final = 0x9100_0000_0000_0010


def _config_flags(caller: Caller) -> int:
    """What the host chose for this TD at TDH.MNG.INIT."""
    platform = caller.platform
    kept = NO_RBP_MOD if platform.no_rbp_mod else 0
    return kept | (PAGE_RELEASE if platform.page_release else 0)


VM_FIELDS: Final[tuple[tuple[int, Callable[[Caller], int]], ...]] = (
    (0x1110_0003_0000_0000, lambda caller: ATTRIBUTES),
    (0x1110_0003_0000_0001, lambda caller: 0x3),
    (0x1110_0002_0000_0002, lambda caller: caller.platform.cpus),
    (0x1110_0003_0000_0017, lambda caller: 0),
    (CONFIG_FLAGS, _config_flags),
    (NOTIFY_ENABLES, lambda caller: 0),
)
"""Fields of the TD: ATTRIBUTES, XFAM (x87 and SSE), MAX_VCPUS, TD_CTLS, CONFIG_FLAGS,
NOTIFY_ENABLES (TDX module ABI, TD-scope metadata)."""

SYSTEM_FIELDS: Final[tuple[tuple[int, int], ...]] = (
    (0x0800_0002_0000_0000, 0x8086),
    (0x0A00_0003_0000_0008, FEATURE_NO_RBP_MOD),
)
"""Fields of the system: VENDOR_ID, TDX_FEATURES0."""

NAMES: Final = {
    0x1110_0003_0000_0000: "ATTRIBUTES", 0x1110_0003_0000_0001: "XFAM",
    0x1110_0002_0000_0002: "MAX_VCPUS", 0x1110_0003_0000_0017: "TD_CTLS",
    CONFIG_FLAGS: "CONFIG_FLAGS", NOTIFY_ENABLES: "NOTIFY_ENABLES",
    0x0800_0002_0000_0000: "VENDOR_ID", 0x0A00_0003_0000_0008: "TDX_FEATURES0",
}  # fmt: skip
"""Field -> what people call it."""

_NOTHING: Final = (("r8", 0),)
"""What a refusal leaves (`tdg_vm_rd_wr`)."""
_VM: Final = dict(VM_FIELDS)
_SYSTEM: Final = dict(SYSTEM_FIELDS)


def _read_vm(caller: Caller) -> Effects:
    """RCX must be 0, RDX is the field; its value comes back in R8."""
    if caller.registers("rcx"):
        why = "VM.RD with RCX not zero"
        return failed(Code.OPERAND_INVALID, Operand.RCX, why, _NOTHING)
    field = caller.registers("rdx")
    read = _VM.get(field)
    if read is None:
        return _unknown("VM.RD", field)
    return done(("r8", read(caller)))


def _write_vm(caller: Caller) -> Effects:
    """RDX field, R8 value, R9 mask; the old value comes back in R8.

    NOTIFY_ENABLES can be written, to what it is: no notification exists here."""
    field = caller.registers("rdx")
    read = _VM.get(field)
    if read is None:
        return _unknown("VM.WR", field)
    if field != NOTIFY_ENABLES:
        why = f"VM.WR of {field:#x}"
        return failed(Code.METADATA_FIELD_NOT_WRITABLE, Operand.RDX, why, _NOTHING)
    value = caller.registers("r8") & caller.registers("r9")
    if value:
        why = f"VM.WR of {field:#x} = {value:#x}"
        return failed(Code.METADATA_FIELD_VALUE_NOT_VALID, Operand.R8, why, _NOTHING)
    return done(("r8", read(caller)))


def _read_system(caller: Caller) -> Effects:
    field = caller.registers("rdx")
    value = _SYSTEM.get(field)
    return _unknown("SYS.RD", field) if value is None else done(("r8", value))


def _unknown(what: str, field: int) -> Effects:
    text = f"{what} of {field:#x}"
    return failed(Code.METADATA_FIELD_ID_INCORRECT, Operand.RDX, text, _NOTHING)


def _field_words(field: int) -> str:
    name = NAMES.get(field)
    return f"{field:#x} ({name})" if name else f"{field:#x}"


_FIELD: Final = Shown("rdx", "field", _field_words)
_VALUE: Final = (Shown("r8", "value"),)
_OLD: Final = (Shown("r8", "old"),)
LEAVES: Final = (
    TdcallLeaf(7, "VM.RD", _read_vm, (Shown("rcx", "vm"), _FIELD), _VALUE),
    TdcallLeaf(8, "VM.WR", _write_vm, (_FIELD, *_VALUE, Shown("r9", "mask")), _OLD),
    TdcallLeaf(11, "SYS.RD", _read_system, (_FIELD,), _VALUE),
)
