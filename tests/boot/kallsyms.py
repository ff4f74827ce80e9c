"""A kernel's own table of names, written as Linux' scripts/kallsyms.c writes it (write_src)."""

import struct
from typing import Final

BASE: Final = 0xFFFF_FFFF_8100_0000
PER_CPU: Final = "A"

Names = list[tuple[int, str, str]]
"""(address, type, name), by address; those of type A are offsets in a CPU's own area."""


def many(count: int) -> Names:
    """Names of a kernel, with one that is longer than 127 tokens."""
    found: Names = [(0x1000 * index, PER_CPU, f"cpu_area_{index}") for index in range(7)]
    for index in range(count):
        kind = "tTdDrw"[index % 6]
        found.append((BASE + 0x30 * index, kind, f"fn_{index:x}_of_{index % 17}"))
    found[count // 2] = (*found[count // 2][:2], "long_" + "Z" * 200)
    return found


def _tokens(names: Names) -> list[str]:
    """256 of them: characters in use stand for themselves, the others for frequent pieces."""
    used = {letter for _, kind, name in names for letter in kind + name}
    used |= set("0123456789")
    pieces = iter(["fn_", "_of_", "cpu_area_"] + [f"_unused{n}" for n in range(256)])
    return [chr(code) if chr(code) in used else next(pieces) for code in range(256)]


def _packed(text: str, tokens: list[str]) -> bytes:
    found = bytearray()
    while text:
        fits = [n for n, one in enumerate(tokens) if text.startswith(one)]
        best = max(fits, key=lambda n: len(tokens[n]))
        found.append(best)
        text = text[len(tokens[best]) :]
    length = len(found)
    head = bytes([length]) if length < 0x80 else bytes([length & 0x7F | 0x80, length >> 7])
    return head + bytes(found)


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def table(names: Names, *, old: bool, absolute_per_cpu: bool = True, order: int = 0) -> bytes:
    """`old`: as up to Linux 6.3, offsets first. `order`: bytes of each entry of
    kallsyms_seqs_of_names; it came with 6.2, and to older ones by backport."""
    tokens = _tokens(names)
    offsets = b"".join(
        struct.pack("<i", address if kind == PER_CPU else BASE - 1 - address)
        if absolute_per_cpu
        else struct.pack("<I", address - BASE)
        for address, kind, _ in names
    )
    packed, markers = b"", []
    for index, (_, kind, name) in enumerate(names):
        if index % 256 == 0:
            markers.append(len(packed))
        packed += _packed(kind + name, tokens)
    places, place = [], 0
    for one in tokens:
        places.append(place)
        place += len(one) + 1
    where = _aligned(offsets) + struct.pack("<Q", BASE)
    count, by_name = struct.pack("<Q", len(names)), b"\x12\x34\x56\x78"[:order] * len(names)
    marked = _aligned(struct.pack(f"<{len(markers)}I", *markers))
    words = _aligned(b"".join(one.encode() + b"\0" for one in tokens))
    index = struct.pack("<256H", *places)
    rows = (count, _aligned(packed), marked)
    if old:
        return b"".join((where, *rows, _aligned(by_name), words, index))
    return b"".join((*rows, words, index, where, by_name))
