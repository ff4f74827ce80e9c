"""The launch digest of an IGVM file: what a report of the platform will attest.

Source: microsoft/igvm, `igvm/src/measurement/{tdx,snp,vbs}.rs`; TDX Module Base Specification,
"Measurement: MRTD"; SEV-SNP Firmware ABI Specification, 8.17.2 (PAGE_INFO). Pages count in the
order of the file, those that the host can see do not count, and what the host fills in counts
as being there without its contents.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from emu.errors import ImageError
from emu.hw.address import PAGE_BYTES
from emu.igvm.contexts import values
from emu.igvm.file import Igvm
from emu.igvm.headers import (
    SHARED,
    SNP,
    TDX,
    UNMEASURED,
    VBS,
    ErrorRange,
    GuestPolicy,
    InitialContext,
    LaunchPlatform,
    PageData,
    ParameterArea,
    ParameterInsert,
)

_PIECE_BYTES: Final = 256
_TDX_ADD: Final = struct.Struct("<16sQ104x")
_ZEROS: Final = bytes(PAGE_BYTES)
_SNP_INFO: Final = struct.Struct("<48s48sHBBIQ")
_SNP_NORMAL, _SNP_VMSA, _SNP_UNMEASURED = 1, 2, 4
_SNP_TYPES: Final = {1: 5, 2: 6, 3: 6}
"""Page type of the file -> that of the firmware: secrets, CPUID."""
_VBS_PAGE: Final = struct.Struct("<IIQQQ")
_VBS_REGISTER: Final = struct.Struct("<IIQIBBHII16s")
_VBS_UNMEASURED, _VBS_HOST_MAY = 1 << 2, 0b11
"""VBS_VM_GPA_PAGE_BOOT_METADATA: data left out; the host may read and write."""
_VBS_PAGES: Final = 2


class MeasuredPage(Struct, frozen=True):
    """A page as far as measuring goes: what is in it, or that it is there (None)."""

    gpa: int
    data: bytes | None
    kind: int = 0
    """That of PAGE_DATA."""
    shared: bool = False
    """Of an error range: the host may read and write it."""


def digest(igvm: Igvm, platform: LaunchPlatform) -> tuple[str, bytes] | None:
    """(algorithm, digest) of the launch on a platform; None if it measures nothing. Raises
    ImageError where the file cannot be launched there."""
    of_kind = _DIGESTS.get(platform.kind)
    return None if of_kind is None else of_kind(igvm, platform)


def pages(igvm: Igvm, platform: LaunchPlatform) -> Iterator[MeasuredPage]:
    """The pages that count, in the order of counting."""
    sizes: dict[int, int] = {}
    for one in igvm.on(platform):
        match one:
            case ParameterArea():
                sizes[one.index] = one.size
            case PageData() if not one.flags & SHARED:
                seen = not one.flags & UNMEASURED
                data = igvm.data(one.file_offset, PAGE_BYTES) if seen else None
                yield MeasuredPage(one.gpa, data, one.kind)
            case ParameterInsert():
                for gpa in range(one.gpa, one.gpa + sizes[one.index], PAGE_BYTES):
                    yield MeasuredPage(gpa, None)
            case ErrorRange() if platform.kind == VBS:
                for gpa in range(one.gpa, one.gpa + one.size, PAGE_BYTES):
                    yield MeasuredPage(gpa, None, shared=True)
            case InitialContext() if platform.kind == SNP:
                yield MeasuredPage(one.gpa, igvm.data(one.file_offset, PAGE_BYTES), -1)


def _tdx(igvm: Igvm, platform: LaunchPlatform) -> tuple[str, bytes]:
    """MRTD: TDH.MEM.PAGE.ADD of each page, TDH.MR.EXTEND of each 256 bytes."""
    sum_ = hashlib.sha384()
    for page in pages(igvm, platform):
        sum_.update(_TDX_ADD.pack(b"MEM.PAGE.ADD", page.gpa))
        if page.data is not None:
            for offset in range(0, PAGE_BYTES, _PIECE_BYTES):
                sum_.update(_TDX_ADD.pack(b"MR.EXTEND", page.gpa + offset))
                sum_.update(page.data[offset : offset + _PIECE_BYTES])
    return "MRTD, SHA-384", sum_.digest()


def _snp(igvm: Igvm, platform: LaunchPlatform) -> tuple[str, bytes]:
    """A chain: each page's PAGE_INFO holds the digest so far."""
    if not any(isinstance(one, GuestPolicy) for one in igvm.on(platform)):
        raise ImageError(f"{igvm.path}: has no GUEST_POLICY, without which SEV-SNP starts none")
    so_far = bytes(48)
    for page in pages(igvm, platform):
        kind, data = _SNP_TYPES.get(page.kind, _SNP_NORMAL), page.data
        if page.kind in _SNP_TYPES:
            data = None
        elif page.kind == -1:
            kind = _SNP_VMSA
        elif data is None:
            kind = _SNP_UNMEASURED
        contents = bytes(48) if data is None else hashlib.sha384(data).digest()
        so_far = hashlib.sha384(
            _SNP_INFO.pack(so_far, contents, _SNP_INFO.size, kind, 0, 0, page.gpa)
        ).digest()
    return "launch digest, SHA-384", so_far


def _vbs(igvm: Igvm, platform: LaunchPlatform) -> tuple[str, bytes]:
    """A chain over pages, and over registers at its end."""
    so_far = bytes(32)
    for page in pages(igvm, platform):
        if page.kind:
            raise ImageError(f"{igvm.path}: page {page.gpa:#x} is of a kind that VBS has not")
        flags = 0 if page.data is not None else _VBS_UNMEASURED
        flags |= _VBS_HOST_MAY if page.shared else 0
        size = _VBS_PAGE.size + PAGE_BYTES
        chunk = _VBS_PAGE.pack(size, _VBS_PAGES, 0, flags, page.gpa // PAGE_BYTES)
        so_far = hashlib.sha256(so_far + chunk + (page.data or _ZEROS)).digest()
    for one in igvm.on(platform):
        for register in values(igvm, platform, one) if isinstance(one, InitialContext) else ():
            chunk = _VBS_REGISTER.pack(
                _VBS_REGISTER.size,
                0,
                0,
                0,
                register.vtl,
                0,
                0,
                0,
                register.number,
                register.raw,
            )
            so_far = hashlib.sha256(so_far + chunk).digest()
    return "boot digest, SHA-256", so_far


_DIGESTS: Final[dict[int, Callable[[Igvm, LaunchPlatform], tuple[str, bytes]]]] = {
    TDX: _tdx, SNP: _snp, VBS: _vbs,
}  # fmt: skip
