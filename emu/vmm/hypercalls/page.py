"""The page that Hyper-V lays over the guest's own: code that makes a hypercall and returns."""

from typing import Final

from emu.hw.address import PAGE_BYTES

_VTL_CALL_OFFSET: Final = 0x10
_VTL_RETURN_OFFSET: Final = 0x20
CODE_PAGE_OFFSETS: Final = _VTL_RETURN_OFFSET << 12 | _VTL_CALL_OFFSET
"""HvRegisterVsmCodePageOffsets: 11:0 the VTL call sequence, 23:12 the VTL return one."""

_TRAP: Final = 0xCC
_RET: Final = b"\xc3"
_MOV_RAX_RCX: Final = b"\x48\x89\xc8"


def _mov_ecx(code: int) -> bytes:
    return b"\xb9" + code.to_bytes(4, "little")


def hypercall_page(call: bytes = b"\x0f\x01\xc1") -> bytes:
    """4,096 bytes around a trapping instruction (VMCALL; VMMCALL is 0F 01 D9).

    The VTL sequences put their call code (0x11, 0x12) in RCX and keep the old one in RAX."""
    page = bytearray([_TRAP]) * PAGE_BYTES
    for offset, before in (
        (0, b""),
        (_VTL_CALL_OFFSET, _MOV_RAX_RCX + _mov_ecx(0x11)),
        (_VTL_RETURN_OFFSET, _MOV_RAX_RCX + _mov_ecx(0x12)),
    ):
        code = before + call + _RET
        page[offset : offset + len(code)] = code
    return bytes(page)
