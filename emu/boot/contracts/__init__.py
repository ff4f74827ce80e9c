"""The families of images that can be booted, each by its contract with the loader."""

from pathlib import Path
from typing import Final

from msgspec.structs import replace

from emu.boot import kallsyms, system_map
from emu.boot.contracts import flat, igvm, linux, moment, multiboot, openhcl
from emu.boot.contracts.contract import Contract
from emu.boot.elf32 import parse_elf32
from emu.boot.file_kinds import ELF
from emu.boot.image import FILE_BYTES_MAX, Image, parse_image
from emu.boot.linux import bzimage
from emu.boot.moment_file import is_moment
from emu.errors import ImageError
from emu.given.files import read_file
from emu.igvm import file as igvm_file
from emu.igvm.dll import within_dll

_CLASS_32: Final = b"\x01"
CONTRACTS: Final[tuple[Contract, ...]] = (
    moment.CONTRACT, igvm.CONTRACT, multiboot.CONTRACT, linux.CONTRACT,
    flat.CONTRACT, openhcl.CONTRACT,
)  # fmt: skip
"""Asked in this order; the last one takes every image."""


def contract_of(image: Image) -> Contract:
    """The contract by which an image is booted."""
    return next(one for one in CONTRACTS if one.recognise(image))


def load(name: str | Path) -> Image:
    """Read what is to be booted: an ELF file, a bzImage, an IGVM file or a DLL with one,
    or a moment of a machine;
    raises ImageError with one sentence that names the file."""
    path = Path(name)
    data = read_file(path, igvm_file.FILE_BYTES_MAX, ImageError)
    if data[:2] == b"MZ" and not bzimage.is_bzimage(data):  # a bzImage is a PE file, too
        data = within_dll(path, data)
    if bzimage.is_bzimage(data):
        data = bzimage.vmlinux_of(path, data)
    if is_moment(data):
        return moment.image_of(path, data)
    if data[:4] == igvm_file.MAGIC:
        return igvm.image_of(path, data)
    if len(data) > FILE_BYTES_MAX:
        raise ImageError(f"{path}: is larger than {FILE_BYTES_MAX >> 20} MiB")
    return _named(parse_elf(path, data))


def load_names(name: str | Path) -> Image:
    """Read a file for its names and lines: an ELF file, a kernel, or a System.map; raises
    ImageError with one sentence that names the file."""
    path = Path(name)
    data = read_file(path, FILE_BYTES_MAX, ImageError)
    if data[: len(ELF)] == ELF or bzimage.is_bzimage(data):
        return load(path)
    return system_map.image_of(path, data)


def _named(image: Image) -> Image:
    """A kernel that was stripped has its names from its own table of them."""
    if image.symbols or not linux.recognise(image):
        return image
    return replace(image, symbols=kallsyms.symbols_of(image.data))


def parse_elf(path: Path, data: bytes) -> Image:
    """An ELF file from its bytes, of 32 bits if it is a multiboot kernel; raises ImageError."""
    if data[:5] == ELF + _CLASS_32 and multiboot.header_flags(data) is not None:
        return parse_elf32(path, data)
    return parse_image(path, data)
