"""A VMSA: the page of state from which a CPU of an SEV-SNP guest begins.

Source: AMD APM volume 2, table B-4 (the save area of SEV-ES guests), 15.36.
"""

import struct
from typing import Any, Final

from emu.hw.address import ENCRYPTION_BIT
from emu.vmm.effects import Segment, TableRegister, VpContext
from emu.vmm.hypercalls import context

_SEGMENT: Final = struct.Struct("<HHIQ")
_SEGMENTS: Final = ("es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr")
_WORDS: Final = {
    "efer": 0x0D0, "cr4": 0x148, "cr3": 0x150, "cr0": 0x158, "rflags": 0x170, "rip": 0x178,
    "rsp": 0x1D8, "pat": 0x268,
}  # fmt: skip
_SEV_FEATURES: Final = 0x3B0
_SNP_ACTIVE: Final = 1
_SVME: Final = 1 << 12
"""Must be set in a VMSA, and is of no use to the guest."""
_TABLES: Final = ("gdtr", "idtr")


def parse(data: bytes) -> VpContext:
    """The state in a page, as far as a start by hypercall has it."""
    words = {name: int.from_bytes(data[at : at + 8], "little") for name, at in _WORDS.items()}
    words["efer"] &= ~_SVME
    words["cr3"] &= ~ENCRYPTION_BIT
    found: dict[str, Any] = dict(words)
    for number, name in enumerate(_SEGMENTS):
        selector, squeezed, limit, base = _SEGMENT.unpack_from(data, 16 * number)
        attributes = squeezed & 0xFF | (squeezed & 0xF00) << 4
        if name in _TABLES:
            found[name] = TableRegister(base, limit)
        else:
            found[name] = Segment(selector, base, limit, attributes)
    return VpContext(**found)


def invalid(data: bytes) -> str | None:
    """Why no CPU can begin from it, or None."""
    if not data[_SEV_FEATURES] & _SNP_ACTIVE:
        return "SEV_FEATURES of the VMSA has no SNPActive"
    if not int.from_bytes(data[_WORDS["efer"] : _WORDS["efer"] + 8], "little") & _SVME:
        return "EFER of the VMSA has no SVME"
    return context.invalid(parse(data))
