"""What a file is that somebody gave, told by its first bytes."""

import re
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
MOMENT_SCHEMA: Final = b'"apdbg-moment/'
_MULTIBOOT2: Final = struct.pack("<I", 0xE85250D6)
_MULTIBOOT2_BYTES: Final = 32_768


class FileKind(Struct, frozen=True):
    """What a file is, and what apdbg does with one."""

    name: str
    """With its article: "an IGVM file"."""
    use: str
    """A sentence without its dot; empty where apdbg can do nothing with it."""
    fits: Callable[[bytes], bool]
    missing: str = ""
    """What would have to be there for apdbg to do more with it."""
    see: str = ""
    """The page that tells more."""


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


WINDOWS: Final = "a Windows program or DLL"
_UNPACK: Final = "unpack it first"
_LOOP: Final = "docs/howto/loop.md"
_LINUX: Final = "docs/howto/linux.md"
_MOMENT: Final = "docs/howto/moment.md"
_OWN: Final = "docs/howto/my_shim.md"
_A_DISK: Final = "what boots from it: apdbg has no disks; give the kernel that is in it"


def _efi(subsystem: int) -> Callable[[bytes], bool]:
    """Whether a PE file is for UEFI (PE format, optional header, offset 68)."""

    def fits(data: bytes) -> bool:
        if data[:2] != b"MZ" or len(data) < 64:
            return False
        at = int.from_bytes(data[60:64], "little")
        there = int.from_bytes(data[at + 92 : at + 94], "little")
        return data[at : at + 4] == b"PE\0\0" and there == subsystem

    return fits


def _tdvf(data: bytes) -> bool:
    """Whether a firmware's volume has TDX metadata at its end (EDK2, OvmfPkg/ResetVector/
    X64/IntelTdxMetadata.asm; TDVF design guide, 11)."""
    return data[40:44] == b"_FVH" and _TDX_METADATA in data[-_TAIL_BYTES:]


def _is_acpi_table(data: bytes) -> bool:
    """Whether all bytes up to the length in the header add up to 0 (ACPI 6.6, 5.2.6)."""
    length = int.from_bytes(data[4:8], "little")
    named = data[:4].isalnum() and data[:4].isupper()
    return named and 36 <= length <= len(data) and not sum(data[:length]) & 0xFF


def _is_system_map(data: bytes) -> bool:
    return bool(_SYMBOL.match(data))


_SYMBOL: Final = re.compile(rb"[0-9a-f]{16} [A-Za-z] \w")
_TDX_METADATA: Final = bytes.fromhex("35657ae44a989847865e4685a7bf8ec2")
_TAIL_BYTES: Final = 65_536
_FIRMWARE: Final = "a firmware that calls it: apdbg has none"
_WHOLE: Final = (
    "chips and tables that a whole firmware wants: what its APs wait in can be run by itself, "
    "by `--ap-loop` or `--load ADDR=FILE`"
)
_ACPI: Final = (
    "a way in for tables of others: apdbg hands a kernel its own, and reads none from a file"
)
KINDS: Final = (
    FileKind("an IGVM file", "`apdbg inspect` says what is in it", _begins(b"IGVM")),
    FileKind("a multiboot 2 kernel", "", _header(_MULTIBOOT2, _MULTIBOOT2_BYTES),
             "a header of Multiboot 1: apdbg is a loader of that alone", _LOOP),
    FileKind("a multiboot kernel", "`apdbg FILE --platform sipi` boots one that is ELF",
             _header(MULTIBOOT, MULTIBOOT_BYTES), "", _LOOP),
    FileKind("an ELF file", "`apdbg FILE` boots one that is static and for x86-64",
             _begins(ELF), "", _OWN),
    FileKind("a Linux bzImage", "`apdbg FILE` boots the kernel in it",
             _begins(b"HdrS", at=0x202), "", _LINUX),
    FileKind("a UEFI application", "", _efi(10), _FIRMWARE, _LOOP),
    FileKind("a UEFI boot service driver", "", _efi(11), _FIRMWARE, _LOOP),
    FileKind("a UEFI runtime driver", "", _efi(12), _FIRMWARE, _LOOP),
    FileKind(WINDOWS, "`apdbg inspect` looks for an IGVM file in one",
             _begins(b"MZ")),
    FileKind("a UEFI firmware volume with metadata for TDX", "", _tdvf, _WHOLE, _LOOP),
    FileKind("a UEFI firmware volume", "", _begins(b"_FVH", at=40), _WHOLE, _LOOP),
    FileKind("a device tree", "`apdbg --host-dtb FILE` boots with it",
             _begins(b"\xd0\x0d\xfe\xed")),
    FileKind("a moment of a machine", "`apdbg FILE` opens it, and goes on from there",
             lambda data: MOMENT_SCHEMA in data[:4_096], "", _MOMENT),
    FileKind("a recording", "`apdbg replay FILE` opens it",
             lambda data: data[8:10] == b" {" and b'"apdbg-recording/' in data[:256],
             "", "docs/recording.md"),
    FileKind("a gzip file", _UNPACK, _begins(b"\x1f\x8b")),
    FileKind("an xz file", _UNPACK, _begins(b"\xfd7zXZ\0")),
    FileKind("a bzip2 file", _UNPACK, _begins(b"BZh")),
    FileKind("a zstd file", _UNPACK, _begins(b"\x28\xb5\x2f\xfd")),
    FileKind("an LZ4 file", _UNPACK, _begins(b"\x02\x21\x4c\x18", b"\x04\x22\x4d\x18")),
    FileKind("a zip archive", _UNPACK, _begins(b"PK\3\4")),
    FileKind("a tar archive", _UNPACK, _begins(b"ustar", at=257)),
    FileKind("a cpio archive", "`apdbg --initrd FILE` hands it to the kernel",
             _begins(b"070701", b"070702"), "", _LINUX),
    FileKind("a qcow2 disk image", "", _begins(b"QFI\xfb"), _A_DISK, _LINUX),
    FileKind("a VHDX disk image", "", _begins(b"vhdxfile"), _A_DISK, _LINUX),
    FileKind("a VMDK disk image", "", _begins(b"KDMV"), _A_DISK, _LINUX),
    FileKind("an ISO 9660 image", "", _begins(b"CD001", at=0x8001), _A_DISK, _LINUX),
    FileKind("an ACPI root pointer", "", _begins(b"RSD PTR "), _ACPI),
    FileKind("an ACPI table", "", _is_acpi_table, _ACPI),
    FileKind("a disk or boot sector", "", _begins(b"\x55\xaa", at=510),
             "a BIOS, whose calls such code makes; " + _A_DISK, _LINUX),
    FileKind("a platform", "`apdbg --platform FILE` boots on it", _text(b"start =", b"[td]"),
             "", "docs/howto/platform.md"),
    FileKind("a list of a kernel's symbols (System.map)", "", _is_system_map,
             "the kernel: `apdbg KERNEL --symbols VMLINUX` takes names from an ELF file",
             _LINUX),
    FileKind("a script for another program", "", _begins(b"#!"),
             "commands of apdbg, one a line, are what `--script FILE` carries out",
             "docs/use/headless.md"),
)  # fmt: skip
"""The first that fits is meant."""


def kind_of(data: bytes) -> FileKind | None:
    """What a file is; None if nobody here knows."""
    return next((one for one in KINDS if one.fits(data)), None)
