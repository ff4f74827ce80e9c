"""What `apdbg inspect` says of a file: `apdbg-inspect/1` as JSON, or lines for people.

Within a version of the schema there are only additions.
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from emu.boot.contracts import parse_elf
from emu.boot.elf_kinds import elf_kind
from emu.boot.file_kinds import BARE, ELF, WINDOWS, FileKind, kind_of
from emu.boot.image import Image, parse_image
from emu.boot.linux import bzimage
from emu.boot.moment_file import is_moment
from emu.boot.samples import place_of
from emu.debug import moment_save
from emu.debug.commands import COMMANDS
from emu.errors import ImageError
from emu.given.files import read_file
from emu.given.plain import plain
from emu.hw.address import U64
from emu.igvm.dll import within_dll
from emu.igvm.file import FILE_BYTES_MAX, MAGIC, Igvm, parse_igvm
from emu.igvm.measure import digest
from emu.igvm.told import entry, header_rows, lines, measured, pages_by_kind, summary

SCHEMA: Final = "apdbg-inspect/1"
_LOOKED_AT: Final = 4_096
_LINES: Final = 8
_WORDS: Final = {command.word for command in COMMANDS}
_SCRIPTS: Final = "docs/use/headless.md"


class PlatformReport(Struct, frozen=True):
    """One platform that an IGVM file is for."""

    name: str
    mask: int
    highest_vtl: int
    shared_boundary: int
    pages_measured: int
    entry: str
    algorithm: str
    """Of the digest; empty where nothing is measured."""
    digest: str
    """Hexadecimal digits."""
    pages_unmeasured: int = 0
    pages_shared: int = 0
    """That the host sees."""
    pages_of_parameters: int = 0
    """That the host fills in."""


class IgvmReport(Struct, frozen=True):
    """What is in an IGVM file."""

    version: int
    architecture: str
    checksum: int
    platforms: list[PlatformReport]
    headers: list[str]
    """As in the text, one row each."""


class Inspection(Struct, frozen=True):
    """One object."""

    schema: str
    path: str
    sha256: str
    bytes: int
    kind: str
    """`an IGVM file`; empty if nobody knows."""
    words: str
    """What it is, in one line."""
    use: str
    """What apdbg does with one; empty: nothing."""
    igvm: IgvmReport | None = None
    missing: str = ""
    """What would have to be there for apdbg to do more; empty: nothing, or nobody knows."""
    see: str = ""
    """The page that tells more."""


def inspect(name: str) -> tuple[Inspection, Igvm | None]:
    """Look at a file or a sample; raises ImageError where it cannot be read, or is damaged."""
    path = place_of(name, ".elf")
    if path.is_dir():
        return _directory(path), None
    data = read_file(path, FILE_BYTES_MAX, ImageError)
    kind = kind_of(data)
    igvm = None
    words, use, missing, see = _bytes(data) if kind is None else _told(kind)
    if bzimage.is_bzimage(data):  # which is a PE file, too
        words, use = _bzimage(path, data, words, use)
    elif kind is not None and kind.name == WINDOWS:
        inner, missing = _within(path, data)
        if inner is not None:
            igvm = parse_igvm(path, inner)
            words = f"a DLL with an {summary(igvm)}"
    elif data[:4] == MAGIC:
        igvm = parse_igvm(path, data)
        words = summary(igvm)
    elif data[:4] == ELF and kind is not None:
        words, use = _elf(path, data, kind.name, kind.use)
        if not words.startswith(kind.name):
            missing, see, use = _lacking(data)
    elif is_moment(data):
        words = moment_save.summary(path, data)
    elif kind is None and _is_script(data):
        words, use, see = "commands of apdbg", "`--script FILE` carries them out", _SCRIPTS
    found = Inspection(
        SCHEMA, plain(str(path)), hashlib.sha256(data).hexdigest(), len(data),
        "" if kind is None else kind.name, words, use,
        None if igvm is None else _igvm(igvm), missing, see,
    )  # fmt: skip
    return found, igvm


def _within(path: Path, data: bytes) -> tuple[bytes | None, str]:
    """(The IGVM file in a DLL, or None; what is missing then)."""
    try:
        return within_dll(path, data), ""
    except ImageError as error:
        return None, f"an IGVM file in it: {error}"


def _told(kind: FileKind) -> tuple[str, str, str, str]:
    return kind.name, kind.use, kind.missing, kind.see


def _bytes(data: bytes) -> tuple[str, str, str, str]:
    """(words, use, missing, page) of a file of no kind."""
    if not data:
        return "an empty file", "", "its contents", ""
    return "nobody here knows what it is", BARE, "", "docs/howto/loop.md"


def _directory(path: Path) -> Inspection:
    count = sum(1 for _ in path.iterdir())
    return Inspection(
        SCHEMA, plain(str(path)), "", 0, "a directory", f"a directory with {count:,} entries",
        "`apdbg FILE` takes one of its files", missing="the file that is meant",
    )  # fmt: skip


def _lacking(data: bytes) -> tuple[str, str, str]:
    """(missing, page, use) of an ELF file that is of another use."""
    found = elf_kind(data)
    return (found.missing, found.see, "") if found else ("", "", "")


def _is_script(data: bytes) -> bool:
    """Whether the first lines that say anything are commands."""
    try:
        rows = data[:_LOOKED_AT].decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return False
    said = [row.split()[0] for row in rows if row.strip() and not row.lstrip().startswith("#")]
    return bool(said) and all(word in _WORDS for word in said[:_LINES])


def _elf(path: Path, data: bytes, name: str, use: str) -> tuple[str, str]:
    """(what it is, what can be done with it)."""
    try:
        image = parse_elf(path, data)
    except ImageError as error:
        found = elf_kind(data)
        if found is not None:
            return found.words, ""
        return f"{name} that apdbg cannot boot", str(error)
    return f"{name}: {_image(image)}", use


def _bzimage(path: Path, data: bytes, name: str, use: str) -> tuple[str, str]:
    """The same of a compressed kernel, which is unpacked for that."""
    try:
        head = bzimage.read(path, data)
        image = parse_image(path, bzimage.vmlinux_of(path, data))
    except ImageError as error:
        return f"{name} that apdbg cannot boot", str(error)
    of = f" of Linux {head.release}" if head.release else ""
    packed = f"boot protocol {head.protocol}, packed with {head.compression}"
    return f"{name}{of}; {packed}; in it {_image(image)}", use


def _image(image: Image) -> str:
    last = image.first + image.size
    above = image.segments[0].above
    kind = "PIE" if image.kind == "pie" else "executable"
    source = "with" if b".debug_line\0" in image.data else "without"
    high = f", to run at {image.first + above & U64:#x}" if above else ""
    bits = "32-bit x86" if image.data[len(ELF)] == 1 else "x86-64"
    return (
        f"a static {kind} for {bits}, {image.first:#x} to {last:#x}{high}, "
        f"entry {image.entry:#x}, {len(image.symbols):,} symbols, {source} lines of source"
    )


def _igvm(igvm: Igvm) -> IgvmReport:
    platforms = []
    for one in igvm.platforms:
        algorithm, value = digest(igvm, one) or ("", b"")
        others = pages_by_kind(igvm, one)
        platforms.append(
            PlatformReport(
                one.name, one.mask, one.highest_vtl, one.shared_boundary, measured(igvm, one),
                entry(igvm, one), algorithm, value.hex(), others["unmeasured"],
                others["shared"], others["parameter"],
            )
        )  # fmt: skip
    rows = [row.strip() for row in header_rows(igvm)]
    return IgvmReport(igvm.version, igvm.architecture, igvm.checksum, platforms, rows)


def as_json(found: Inspection) -> str:
    """The object on one line."""
    return msgspec.json.encode(found).decode()


def as_text(found: Inspection, igvm: Igvm | None) -> str:
    """What it is, what it is good for, and of an IGVM file all that is in it."""
    if igvm is not None:
        return "\n".join((f"{found.path}: {found.words}", *lines(igvm)))
    missing = f"missing: {found.missing}" if found.missing else ""
    see = f"see {found.see}" if found.see else ""
    rows = (one for one in (found.use, missing, see) if one)
    return "\n".join((f"{found.path}: {found.words}", *(f"  {one}" for one in rows)))
