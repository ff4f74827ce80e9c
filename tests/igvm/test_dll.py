"""The IGVM file of a resource-only DLL is found, and a DLL without one is refused."""

import random
import struct
from pathlib import Path

import pytest

from emu.errors import ImageError
from emu.igvm.dll import within_dll

SECTION_RVA, SECTION_AT = 0x1000, 0x400


def dll(payload: bytes, name: str = "VMFW") -> bytes:
    """A PE32+ file with one section of resources: type, id 1, language 0 (Microsoft, PE Format,
    "The .rsrc Section")."""

    def table(named: int, entry: tuple[int, int]) -> bytes:
        return struct.pack("<12xHHII", named, 1 - named, *entry)

    below, length = 1 << 31, len(name)
    at_name, at_data = 0x60, 0x50
    resources = table(1, (below | at_name, below | 0x18)) + table(0, (1, below | 0x30))
    resources += table(0, (0x409, 0x48))
    resources = resources.ljust(0x48, b"\0")
    resources += struct.pack("<IIII", SECTION_RVA + 0x80, len(payload), 0, 0)
    assert len(resources) <= at_name and at_data
    resources = resources.ljust(at_name, b"\0") + struct.pack("<H", length)
    resources = (resources + name.encode("utf-16-le")).ljust(0x80, b"\0") + payload
    optional = struct.pack("<H", 0x20B).ljust(112, b"\0")
    optional += bytes(16) + struct.pack("<II", SECTION_RVA, len(resources)) + bytes(8 * 13)
    section = struct.pack("<8sIIIII", b".rsrc", len(resources), SECTION_RVA, len(resources),
                          SECTION_AT, 0).ljust(40, b"\0")  # fmt: skip
    pe = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0x2022)
    head = (b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)).ljust(0x80, b"\0")
    return (head + pe + optional + section).ljust(SECTION_AT, b"\0") + resources


def test_the_payload_is_found() -> None:
    assert within_dll(Path("some.dll"), dll(b"IGVM and so on")) == b"IGVM and so on"


def test_a_dll_without_one_is_refused() -> None:
    with pytest.raises(ImageError, match="and no IGVM file is in it"):
        within_dll(Path("some.dll"), dll(b"IGVM", name="ICON"))


def test_a_damaged_dll_is_a_sentence_or_bytes() -> None:
    dice, whole = random.Random(1), dll(b"IGVM and so on")
    for _ in range(3_000):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 2, 4))):
            data[dice.randrange(2, len(data))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
        try:
            found = within_dll(Path("some.dll"), bytes(data[: dice.choice((len(data), 700))]))
            assert isinstance(found, bytes)
        except ImageError as error:
            assert str(error).startswith("some.dll: ")
