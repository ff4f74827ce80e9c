"""What a file is that somebody gave, told by its first bytes."""

import struct
from collections.abc import Callable
from typing import Final

from msgspec import Struct

ELF: Final = b"\x7fELF"
BARE: Final = "if these are the bytes of a mailbox loop, `apdbg --ap-loop FILE` runs it"
"""What can be done with bytes of no kind."""
MULTIBOOT: Final = struct.pack("<I", 0x1BADB002)
MULTIBOOT_BYTES: Final = 8_192
"""The header lies within so many bytes, at a multiple of 4 (Multiboot 0.6.96, 3.1)."""
_MULTIBOOT2: Final = struct.pack("<I", 0xE85250D6)
_MULTIBOOT2_BYTES: Final = 32_768


class FileKind(Struct, frozen=True):
    """What a file is, and what apdbg does with one."""

    name: str
    """With its article: "an IGVM file"."""
    use: str
    """A sentence without its dot; empty where apdbg can do nothing with it."""
    fits: Callable[[bytes], bool]


def _begins(*magics: bytes, at: int = 0) -> Callable[[bytes], bool]:
    return lambda data: any(data[at : at + len(magic)] == magic for magic in magics)


def _header(magic: bytes, most: int) -> Callable[[bytes], bool]:
    """Whether an aligned magic number lies early in an ELF file."""

    def fits(data: bytes) -> bool:
        at = data.find(magic, 0, most)
        while at >= 0 and at % 4:
            at = data.find(magic, at + 1, most)
        return at >= 0

    return fits


def _text(*words: bytes) -> Callable[[bytes], bool]:
    """Whether lines of a text begin with one of these."""
    return lambda data: any(b"\n" + word in b"\n" + data[:65_536] for word in words)


KINDS: Final = (
    FileKind("an IGVM file", "`apdbg inspect` says what is in it", _begins(b"IGVM")),
    FileKind("a multiboot 2 kernel", "", _header(_MULTIBOOT2, _MULTIBOOT2_BYTES)),
    FileKind("a multiboot kernel", "`apdbg FILE --platform sipi` boots one that is ELF",
             _header(MULTIBOOT, MULTIBOOT_BYTES)),
    FileKind("an ELF file", "`apdbg FILE` boots one that is static and for x86-64",
             _begins(ELF)),
    FileKind("a Linux bzImage", "`apdbg FILE` boots the kernel in it",
             _begins(b"HdrS", at=0x202)),
    FileKind("a Windows program or DLL", "`apdbg inspect` looks for an IGVM file in one",
             _begins(b"MZ")),
    FileKind("a UEFI firmware volume", "", _begins(b"_FVH", at=40)),
    FileKind("a device tree", "`apdbg --host-dtb FILE` boots with it",
             _begins(b"\xd0\x0d\xfe\xed")),
    FileKind("a recording", "`apdbg replay FILE` opens it",
             lambda data: data[8:10] == b" {" and b'"apdbg-recording/' in data[:256]),
    FileKind("a gzip file", "unpack it first", _begins(b"\x1f\x8b")),
    FileKind("an xz file", "unpack it first", _begins(b"\xfd7zXZ\0")),
    FileKind("a zstd file", "unpack it first", _begins(b"\x28\xb5\x2f\xfd")),
    FileKind("an LZ4 file", "unpack it first",
             _begins(b"\x02\x21\x4c\x18", b"\x04\x22\x4d\x18")),
    FileKind("a cpio archive", "`apdbg --initrd FILE` hands it to the kernel",
             _begins(b"070701", b"070702")),
    FileKind("a platform", "`apdbg --platform FILE` boots on it", _text(b"start =", b"[td]")),
)  # fmt: skip
"""The first that fits is meant."""


def kind_of(data: bytes) -> FileKind | None:
    """What a file is; None if nobody here knows."""
    return next((one for one in KINDS if one.fits(data)), None)
