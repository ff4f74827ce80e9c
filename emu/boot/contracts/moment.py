"""A moment of somebody's machine: every CPU goes on where it stood; nothing is laid besides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.contracts.igvm import Pieces, placed
from emu.boot.entry import EntrySegment, EntryState
from emu.boot.image import Image, ImageSegment, Placed
from emu.boot.layout import BootLayout, Region
from emu.boot.lines import LineTable
from emu.boot.moment_file import MomentCpu, MomentFile, SegmentValues, is_moment, parse_moment
from emu.boot.parameters import Range
from emu.boot.platform import Platform
from emu.boot.structs import structs_of
from emu.boot.symbols import SymbolMap
from emu.errors import PlatformError
from emu.given.plain import plain
from emu.hw.address import PAGE_BYTES, PAGE_MASK, align_up

_LMA, _L = 1 << 10, 0x200
_U32: Final = 0xFFFF_FFFF
_FLAT: Final = ("cs", "ds", "es", "ss")
_ALL: Final = 7
"""Memory of a moment may be read, written and executed."""


def recognise(image: Image) -> bool:
    """Whether it is one."""
    return is_moment(image.data)


def image_of(path: Path, data: bytes) -> Image:
    """The file as an image: memory by address, without a symbol; raises ImageError."""
    found = parse_moment(path, data)
    segments = tuple(ImageSegment(gpa, some, len(some), _ALL) for gpa, some in found.memory)
    entry = dict(found.cpus[0].words)["rip"]
    return Image(path, "executable", entry, segments, (), data + b"\0" + found.digests)


def platform(image: Image) -> str:
    """The one that the file names."""
    return _moment(image).platform


def fitted(image: Image, given: Platform) -> Platform:
    """The platform with the CPUs and the memory of the moment."""
    cpus = _moment(image).cpus
    speeds = tuple(given.speeds[index % len(given.speeds)] for index in range(len(cpus)))
    banks = _banks(image)
    return replace(
        given, apic_ids=tuple(one.apic_id for one in cpus), speeds=speeds, absent=0,
        memory_base=banks[0][0], memory_bytes=sum(size for _, size in banks),
    )  # fmt: skip


def _moment(image: Image) -> MomentFile:
    return parse_moment(image.path, image.data, memory=False)


def lay_out(loaded: Loaded) -> BootLayout:
    """What the file says; raises ImageError or PlatformError."""
    image, given = loaded.image, loaded.platform
    if given.isolation != "none":
        raise PlatformError(
            f"{image.path}: is {CONTRACT.words}: on {plain(given.name)} the host would have to "
            'know which pages are private; a platform with isolation = "none" takes it'
        )
    moment = _moment(image)
    ram = _banks(image)
    pieces = tuple((one.address, one.data) for one in image.segments)
    images = tuple(_placed(one, pieces) for one in loaded.symbols)
    entries = tuple(map(_entry, moment.cpus))
    return BootLayout(
        name=image.path.name, ram=ram, accepted=ram,
        chunks=pieces,
        entry=entries[0], others=entries[1:],
        regions=tuple(Region("memory", gpa, size) for gpa, size in ram),
        placed=images, symbols=SymbolMap(images), lines=LineTable(images),
        structs=structs_of(images[0].image if images else image),
        msrs=tuple(
            (cpu, *one) for cpu, each in enumerate(moment.cpus) for one in each.msrs
        ),
    )  # fmt: skip


def _placed(image: Image, pieces: Pieces) -> Placed:
    """Where an image lies: a kernel's addresses are its own, all else is found by its bytes."""
    if image.kind == "executable":
        return Placed("symbols", image, 0)
    return placed(image, pieces)


def _banks(image: Image) -> tuple[Range, ...]:
    """(GPA, bytes) of whole pages; pieces behind each other are one."""
    found: list[list[int]] = []
    for one in image.segments:
        first, end = one.address & ~PAGE_MASK, align_up(one.address + len(one.data), PAGE_BYTES)
        if found and first <= found[-1][1]:
            found[-1][1] = max(end, found[-1][1])
        else:
            found.append([first, end])
    return tuple((first, end - first) for first, end in found)


def _entry(cpu: MomentCpu) -> EntryState:
    words = dict(cpu.words)
    return EntryState(
        "moment", words["rip"], words.pop("rsi"), words["cr0"], words["cr3"], words["cr4"],
        words["efer"], 0, 0, 0, 0, words.pop("rdi"), words["rsp"],
        registers=tuple(words.items()), state=cpu.state,
        segments=tuple((name, EntrySegment(*one)) for name, one in _bases(cpu)),
    )  # fmt: skip


def _bases(cpu: MomentCpu) -> Iterator[tuple[str, SegmentValues]]:
    """Bases as the processor has them: of CS, DS, ES and SS 0 in 64-bit mode, and 32 bits in
    all others (AMD APM 2, 4.5.3 and 4.7)."""
    segments = dict(cpu.segments)
    long = dict(cpu.words)["efer"] & _LMA and segments["cs"][3] & _L
    for name, (selector, base, limit, attributes) in cpu.segments:
        mask = 0 if long else _U32
        whole = long and name not in _FLAT
        yield name, (selector, base if whole else base & mask, limit, attributes)


CONTRACT: Final = Contract(
    "moment",
    "a moment of a machine, which goes on",
    recognise,
    lay_out,
    takes=("symbols",),
    hands_over=False,
    platform="sipi",
    sized=True,
    chosen=platform,
    fitted=fitted,
)
