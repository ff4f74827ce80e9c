"""Kernels with wrong fields: the setup header of a bzImage, what is compressed, and the ELF
file in it.

Offsets: Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
"""

from random import Random
from typing import Final

from tests.boot.elf import NOTYPE, Load, Sym, elf
from tests.boot.kernel import ABOVE, COMPRESSIONS, PLACE, bzimage, vmlinux
from tests.fuzz import elves, odd
from tests.fuzz.case import Edit

_SETUP: Final = ((0x1F1, 1), (0x1F4, 4), (0x1FE, 2), (0x200, 2), (0x202, 4), (0x206, 2),
                 (0x20E, 2), (0x210, 1), (0x211, 1), (0x214, 4), (0x230, 4), (0x234, 1),
                 (0x236, 2), (0x238, 4), (0x248, 4), (0x24C, 4), (0x258, 8), (0x260, 4),
                 (0x264, 4))  # fmt: skip
"""(offset, bytes) of what a loader may look at."""
_PAYLOAD_AT: Final = 6 * 512 + 0x40
_INSIDE: Final = b"@"
"""How a seed begins that is packed when all edits of its ELF file are made."""
_CODE: Final = (
    b"\x31\xc0\x0f\xa2"  # xor eax, eax; cpuid
    b"\x8b\x86\xe8\x01\x00\x00"  # mov eax, [rsi + 0x1e8]: the zero page
    b"\x66\xba\xf8\x03\xb0\x2e\xee"  # '.' to COM1
    b"\xf4\xeb\xfd"
)
_FLAT_CODE: Final = b"\x31\xc0\x0f\xa2\x89\x44\x24\xf8\xff\x04\x25\x00\x00\x60\x08\xf4\xeb\xfd"
"""cpuid, a push by hand, a count in memory, and a halt."""


def kernels() -> dict[str, bytes]:
    """Small vmlinux files: one with several segments, one with symbols."""
    loads = (
        Load(PLACE, _CODE, above=ABOVE), Load(PLACE + 0x20_0000, b"data" * 8, above=ABOVE,
                                              memory=0x9000, flags=6),
        Load(PLACE + 0x40_0000, bytes(64), flags=6, above=ABOVE),
    )  # fmt: skip
    names = (Sym("startup_64", PLACE + ABOVE, type=NOTYPE),
             Sym("start_secondary", PLACE + ABOVE + 4, 4),
             Sym("panic", PLACE + ABOVE + 8, 4))  # fmt: skip
    return {
        "one": vmlinux(_CODE), "named": vmlinux(_CODE, symbols=names),
        "three": elf(*loads, kind=2, symbols=names),
    }  # fmt: skip


def flats() -> dict[str, bytes]:
    """Bare images, of one CPU and of all."""
    names = {"every": "flat_every_cpu", "boot": "flat_boot_cpu"}
    found = {
        key: elf(Load(0, _FLAT_CODE), symbols=(Sym(name, 0, 8),)) for key, name in names.items()
    }
    place = 0x860_0000
    return found | {"linked": elf(
        Load(place, _FLAT_CODE), Load(place + 0x1000, b"", memory=0x2000, flags=6), kind=2,
        symbols=(Sym("flat_every_cpu", place, 8),),
    )}  # fmt: skip


def bzimages() -> dict[str, bytes]:
    """Whole files of each compression, and the same to be packed later."""
    found = {}
    for name, pack in COMPRESSIONS.items():
        found[name] = bzimage(pack(kernels()["named"]))
        found[f"in {name}"] = _INSIDE + name.encode() + b"\n" + kernels()["three"]
    return found


def sealed(data: bytes) -> bytes:
    """What is to be packed, packed."""
    name, _, inside = data[1:].partition(b"\n")
    pack = COMPRESSIONS.get(name.decode("latin-1"))
    return data if data[:1] != _INSIDE or pack is None else bzimage(pack(inside))


def edits(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    """A few wrong fields, of the ELF file where that is still to be packed."""
    if data[:1] == _INSIDE:
        first = data.index(b"\n") + 1
        inside = elves.edits(draw, data[first:], ())
        return tuple(Edit(one.at + first, one.gone, one.put) for one in inside)
    return tuple(
        odd.blind(draw, data, others) if draw.random() < 0.15 else _one(draw, data)
        for _ in range(draw.choice((1, 1, 2, 3, 8)))
    )


def _one(draw: Random, data: bytes) -> Edit:
    if draw.random() < 0.5:
        at, width = draw.choice(_SETUP)
        return Edit(at, width, odd.field(draw, width))
    # Most of what decides how data is unpacked stands at its beginning and at its end.
    end = len(data) - 64
    reach = min(end - _PAYLOAD_AT, draw.choice((8, 32, 1 << 30)))
    place = draw.randrange(reach)
    at = end - 1 - place if draw.random() < 0.3 else _PAYLOAD_AT + place
    width = draw.choice((1, 1, 2, 4))
    return Edit(at, width, draw.choice((odd.field(draw, width), b"\xff" * width)))
