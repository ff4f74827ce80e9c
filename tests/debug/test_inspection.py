"""`apdbg inspect` says what a file is, whatever it is."""

import json
import struct
from pathlib import Path

import pytest

from emu.debug.inspection import as_json, as_text, inspect
from emu.errors import ImageError
from tests.igvm.builder import TDX, VBS, File
from tests.igvm.test_dll import dll

ELF_HEAD = b"\x7fELF\2\1\1".ljust(64, b"\0")
OTHERS = [
    (b"", "nobody here knows what it is"),
    (b"hello\n", "nobody here knows what it is"),
    (bytes(0x202) + b"HdrS", "a Linux bzImage that apdbg cannot boot"),
    (bytes(40) + b"_FVH", "a UEFI firmware volume"),
    (b"\xd0\x0d\xfe\xed", "a device tree"),
    (b"\x1f\x8b\x08", "a gzip file"),
    (ELF_HEAD + struct.pack("<I", 0x1BADB002), "a multiboot kernel that apdbg cannot boot"),
    (ELF_HEAD + b"?" + struct.pack("<I", 0x1BADB002), "an ELF file that apdbg cannot boot"),
    (ELF_HEAD, "an ELF file that apdbg cannot boot"),
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
