"""The kernel proper out of a bzImage, in every compression, and what no kernel is."""

import lzma
import struct
import sys
from pathlib import Path

import pytest
import zstandard

from emu.boot.contracts import load
from emu.boot.linux.bzimage import UNPACKED_MAX, vmlinux_of
from emu.errors import ImageError
from tests.boot.elf import EXECUTABLE, Load, elf
from tests.boot.kernel import ABOVE, COMPRESSIONS, PLACE, bzimage, lz4_legacy, sized, vmlinux

NAME = Path("vmlinuz")
KERNEL = vmlinux(b"\xf4" * 3000)


def unpacked(data: bytes) -> bytes:
    return vmlinux_of(NAME, data)


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_every_compression_is_unpacked(name: str) -> None:
    assert unpacked(bzimage(COMPRESSIONS[name](KERNEL))) == KERNEL


def test_setup_sectors_of_zero_mean_four() -> None:
    packed = COMPRESSIONS["gzip"](KERNEL)
    assert unpacked(bzimage(packed, sectors=0, offset=0x240)) == KERNEL


def test_lz4_comes_in_several_blocks_and_frames() -> None:
    blocks = lz4_legacy(KERNEL, 1000)
    assert unpacked(bzimage(sized(blocks, len(KERNEL)))) == KERNEL
    frames = lz4_legacy(KERNEL[:2000]) + lz4_legacy(KERNEL[2000:])
    assert unpacked(bzimage(sized(frames, len(KERNEL)))) == KERNEL


def test_a_kernel_is_read_at_its_physical_addresses(tmp_path: Path) -> None:
    place = tmp_path / "vmlinuz"
    for data in (KERNEL, bzimage(COMPRESSIONS["LZ4"](KERNEL))):
        place.write_bytes(data)
        image = load(place)
        assert (image.first, image.entry, image.size) == (PLACE, PLACE, 3000)
        assert image.segments[0].above == ABOVE
        assert image.symbols[0].address == PLACE + ABOVE


def _turned(name: str) -> bytes:
    """The payload with one byte of its middle turned over."""
    packed = bytearray(COMPRESSIONS[name](KERNEL))
    packed[len(packed) // 2] ^= 0xFF
    return bytes(packed)


PACKED = COMPRESSIONS["gzip"](KERNEL)
BOMB = bytes(UNPACKED_MAX + 4096)
WRONG = {
    "cut": (bzimage(PACKED)[:0x240], "is cut off inside the kernel's setup header"),
    "old": (bzimage(PACKED, version=0x204), "boot protocol 2.04 says nothing of where the"),
    "empty": (bzimage(b""), "its compressed kernel is at 0xc40 to 0xc40, beyond the file's"),
    "beyond": (bzimage(PACKED, length=0xFFFF_FFFF), "its compressed kernel is at 0xc40 to 0x1"),
    "far": (bzimage(PACKED, offset=0xFFFF_FFFF), "its compressed kernel is at 0x100000bff to"),
    "none": (bzimage(b"BZh9" + bytes(64)), "is compressed as none of gzip, xz, zstd, LZ4: it"),
    "no ELF": (bzimage(COMPRESSIONS["xz"](b"hello")), "what is compressed in it is no ELF"),
    "says much": (bzimage(sized(lz4_legacy(KERNEL), 1 << 31)), "to 2,147,483,648 bytes, and"),
    **{
        f"{name} turned": (bzimage(_turned(name)), f"its {name} data is damaged: ")
        for name in COMPRESSIONS
    },
    **{
        f"{name} short": (
            bzimage(sized(COMPRESSIONS[name](KERNEL)[:-40], len(KERNEL))),
            f"its {name} data is damaged: ",
        )
        for name in COMPRESSIONS
    },
    **{
        f"{name} longer": (
            bzimage(sized(COMPRESSIONS[name](KERNEL)[:-4], len(KERNEL) - 1)),
            f"its {name} data is damaged: ",
        )
        for name in COMPRESSIONS
    },
    "xz bomb": (
        bzimage(sized(lzma.compress(BOMB, preset=0), 4096)), "it does not unpack to the 4,096"
    ),
    "zstd bomb": (
        bzimage(sized(zstandard.ZstdCompressor().compress(BOMB), 4096)),
        "it does not unpack to the 4,096 bytes that it says",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_unpacked_is_one_sentence(what: str) -> None:
    data, words = WRONG[what]
    with pytest.raises(ImageError) as found:
        unpacked(data)
    said = str(found.value)
    assert said.startswith("vmlinuz: ") and words in said and "\n" not in said
    assert len(said) < 200


def test_a_kernel_for_other_processors_is_said(tmp_path: Path) -> None:
    place = tmp_path / "vmlinuz"
    data = elf(Load(PLACE), kind=EXECUTABLE, machine=183)
    place.write_bytes(bzimage(COMPRESSIONS["gzip"](data)))
    with pytest.raises(ImageError, match="is for AArch64; apdbg boots little-endian x86-64"):
        load(place)


@pytest.mark.parametrize(("name", "package"), [("zstd", "zstandard"), ("LZ4", "lz4.block")])
def test_what_is_not_installed_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    data = bzimage(COMPRESSIONS[name](KERNEL))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImageError) as found:
        unpacked(data)
    assert f"compressed with {name}: `pip install apdbg[linux]` brings" in str(found.value)


def test_a_file_of_nothing_but_headers_ends_in_a_sentence() -> None:
    for size in range(0x206, 0x400):
        with pytest.raises(ImageError, match=r"^vmlinuz: "):
            unpacked(bzimage(PACKED)[:size])
    for at in range(0x1F1, 0x268):
        data = bytearray(bzimage(PACKED))
        struct.pack_into("<I", data, at, 0xFFFF_FFFF)
        try:
            unpacked(bytes(data))
        except ImageError as error:
            assert str(error).startswith("vmlinuz: ")
