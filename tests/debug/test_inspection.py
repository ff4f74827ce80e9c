"""`apdbg inspect` says what a file is, whatever it is."""

import json
import struct
from pathlib import Path

import pytest

from emu.boot.file_kinds import KINDS, FileKind
from emu.debug.inspection import as_json, as_text, inspect
from emu.errors import ImageError
from tests.igvm.builder import TDX, VBS, File
from tests.igvm.test_dll import dll

ROOT = Path(__file__).parents[2]
ELF_HEAD = b"\x7fELF\2\1\1".ljust(64, b"\0")


def elf64(kind: int, *, machine: int = 62, entry: int = 0, programs: bytes = b"") -> bytes:
    """An ELF header of so much as says what the file is (System V ABI)."""
    head = b"\x7fELF\2\1\1".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, entry, 64, 0, 0, 64, 56,
                        len(programs) // 56, 64, 0, 0)  # fmt: skip
    return head + programs


def interpreted() -> bytes:
    name = b"/lib64/ld-linux-x86-64.so.2\0"
    program = struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(name), len(name), 1)
    return elf64(3, entry=0x1000, programs=program) + name


def efi(subsystem: int) -> bytes:
    """PE format: e_lfanew at 60, the subsystem 68 bytes into the optional header."""
    data = bytearray(b"MZ".ljust(512, b"\0"))
    data[60:64] = (128).to_bytes(4, "little")
    data[128:132] = b"PE\0\0"
    data[220:222] = subsystem.to_bytes(2, "little")
    return bytes(data)


def acpi() -> bytes:
    table = bytearray(
        struct.pack("<4sIBB6s8sI4sI", b"SSDT", 36, 2, 0, b"OEM", b"T", 1, b"C", 1)
    )
    table[9] = -sum(table) & 0xFF
    return bytes(table)


OTHERS = [
    (b"", "an empty file"),
    (b"hello\n", "nobody here knows what it is"),
    (bytes(0x202) + b"HdrS", "a Linux bzImage that apdbg cannot boot"),
    (bytes(40) + b"_FVH", "a UEFI firmware volume"),
    (
        bytes(40) + b"_FVH" + bytes.fromhex("35657ae44a989847865e4685a7bf8ec2"),
        "a UEFI firmware volume with metadata for TDX",
    ),
    (b"\xd0\x0d\xfe\xed", "a device tree"),
    (b"\x1f\x8b\x08", "a gzip file"),
    (b"BZh91AY", "a bzip2 file"),
    (b"PK\3\4", "a zip archive"),
    (bytes(257) + b"ustar", "a tar archive"),
    (b"QFI\xfb", "a qcow2 disk image"),
    (bytes(510) + b"\x55\xaa", "a disk or boot sector"),
    (b"RSD PTR ", "an ACPI root pointer"),
    (acpi(), "an ACPI table"),
    (efi(10), "a UEFI application"),
    (efi(11), "a UEFI boot service driver"),
    (b"ffffffff81000000 T _text\n", "a list of a kernel's symbols (System.map)"),
    (b"#!/bin/sh\n", "a script for another program"),
    (b"# first\nuntil wake_aps\nstep 3\n", "commands of apdbg"),
    (ELF_HEAD + struct.pack("<I", 0x1BADB002), "a multiboot kernel that apdbg cannot boot"),
    (ELF_HEAD + b"?" + struct.pack("<I", 0x1BADB002), "an ELF file that apdbg cannot boot"),
    (ELF_HEAD, "an ELF file that apdbg cannot boot"),
    (elf64(1), "an object file (.o)"),
    (elf64(1) + b".modinfo\0", "a Linux kernel module"),
    (elf64(4), "a core dump"),
    (elf64(3), "a shared library"),
    (elf64(2), "an ELF executable without an entry point"),
    (elf64(2, machine=3), "a 32-bit ELF file for x86"),
    (interpreted(), "a program of an operating system, for /lib64/ld-linux-x86-64.so.2"),
    (b'name = "mine"\nstart = "reset-vector"\n', "a platform"),
    (b"070701", "a cpio archive"),
]


def file(tmp_path: Path, data: bytes) -> str:
    place = tmp_path / "given"
    place.write_bytes(data)
    return str(place)


@pytest.mark.parametrize(("data", "words"), OTHERS)
def test_a_file_is_told_by_its_first_bytes(tmp_path: Path, data: bytes, words: str) -> None:
    found, igvm = inspect(file(tmp_path, data))
    assert found.words == words and igvm is None
    assert as_text(found, igvm).startswith(f"{found.path}: {words}")


def test_what_is_missing_is_said_with_the_page_that_tells_more(tmp_path: Path) -> None:
    found, _ = inspect(file(tmp_path, elf64(1)))
    assert found.missing == "a linker: it has no addresses yet" and not found.use
    text = as_text(found, None).splitlines()
    assert text[1:] == [f"  missing: {found.missing}", "  see docs/howto/my_shim.md"]
    told = json.loads(as_json(found))
    assert (told["missing"], told["see"]) == (found.missing, found.see)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_pages_that_are_named_are_there(kind: FileKind) -> None:
    assert not kind.see or (ROOT / kind.see).is_file()
    assert kind.use or kind.missing, "what cannot be used says what is missing"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    found, _ = inspect(str(tmp_path))
    assert (found.kind, found.words) == ("a directory", "a directory with 1 entries")


def test_a_multiboot_kernel_is_told_with_what_boots_it() -> None:
    found, _ = inspect("samples/multiboot/kernel.elf")
    assert found.words.startswith("a multiboot kernel: a static executable for 32-bit x86, ")
    assert "--platform sipi" in found.use


def test_bytes_of_no_kind_may_be_a_mailbox_loop(tmp_path: Path) -> None:
    found, _ = inspect(file(tmp_path, b"\xf3\x90\xeb\xfc"))
    assert "`apdbg --ap-loop FILE` runs it" in found.use
    assert not inspect(file(tmp_path, b""))[0].use


def test_an_image_of_ours_can_be_booted() -> None:
    found, _ = inspect("samples/shim.elf")
    assert found.words.startswith("an ELF file: a static PIE for x86-64, 0x0 to ")
    assert "with lines of source" in found.words and found.use.startswith("`apdbg FILE` boots")


def merged() -> File:
    both = File().platform(TDX, mask=1, shared=1 << 47).platform(VBS, mask=2)
    both.policy(0b10, mask=1).area(0, 0x2000).header(0x312, struct.pack("<II", 0, 0))
    both.insert(0, 0x70_0000, mask=3)
    for number in range(5):
        both.page((0x800 + number) << 12, b"code", mask=3)
    return both.page(0x900 << 12, b"initrd", flags=4, mask=3).page(0xFFFFF << 12, mask=1)


TEXT = """\
IGVM v1, TDX and VBS, 6 and 5 pages measured, entry 32-bit at 0xfffffff0 and as after reset
  13 headers, checksum CHECKSUM, 8,576 bytes

TDX (mask 0x1): VTL 2, shared memory from 0x800000000000
  6 pages measured, entry 32-bit at 0xfffffff0
  besides: 1 shared with the host, 2 filled in by the host
  MRTD, SHA-384: DIGEST

VBS (mask 0x2): VTL 2
  5 pages measured, entry as after reset
  besides: 1 shared with the host, 2 filled in by the host
  boot digest, SHA-256: DIGEST

  0x000018  TDX      SUPPORTED_PLATFORM            mask 0x1; VTL 2
  0x000030  VBS      SUPPORTED_PLATFORM            mask 0x2; VTL 2
  0x000048  TDX      GUEST_POLICY                  0x2; no #VE for pending pages
  0x000060  all      PARAMETER_AREA                size 0x2000; index 0; file offset 0x0
  0x000078  all      DEVICE_TREE                   index 0; byte offset 0x0
  0x000088  all      PARAMETER_INSERT              gpa 0x700000; index 0
  0x0000a0  all      PAGE_DATA                     0x800000 to 0x805000, 5 pages; normal; \
measured
  0x000140  all      PAGE_DATA                     0x900000; normal; shared
  0x000160  TDX      PAGE_DATA                     0xfffff000; normal; measured"""


def test_all_of_an_igvm_file_is_told(tmp_path: Path) -> None:
    found, igvm = inspect(file(tmp_path, merged().bytes()))
    assert igvm is not None and found.igvm is not None
    text = as_text(found, igvm).removeprefix(f"{found.path}: ")
    text = text.replace(f"{igvm.checksum:#010x}", "CHECKSUM")
    for one in found.igvm.platforms:
        text = text.replace(one.digest, "DIGEST")
    assert text == TEXT
    told = json.loads(as_json(found))
    assert told["schema"] == "apdbg-inspect/1"
    assert [one["pages_measured"] for one in told["igvm"]["platforms"]] == [6, 5]
    assert len(told["igvm"]["headers"]) == 9


def test_the_igvm_file_of_a_dll_is_told(tmp_path: Path) -> None:
    found, igvm = inspect(file(tmp_path, dll(merged().bytes())))
    assert igvm is not None and found.words.startswith("a DLL with an IGVM v1, TDX and VBS, 6")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is cut off inside the IGVM header"):
        inspect(file(tmp_path, b"IGVM"))
