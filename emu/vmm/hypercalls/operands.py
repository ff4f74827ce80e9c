"""The input list of a hypercall in words: each field by its name, each element."""

import struct
from collections.abc import Callable
from typing import Final

from emu.vmm.hypercalls.call import InputWords
from emu.vmm.hypercalls.target import PARTITION_SELF, VP_SELF

SHOWN: Final = 8
"""Elements that are shown; of more, how many there are."""
_SELF: Final = {"partition": PARTITION_SELF, "vp": VP_SELF}


def number_words(value: int) -> str:
    """One digit as it is, more in hexadecimal."""
    return str(value) if value < 10 else f"{value:#x}"


def fields(layout: struct.Struct, *names: str) -> InputWords:
    """The fields of a header by name; an empty name is a reserved one, shown if it is not
    zero."""

    def words(data: bytes, first: int, count: int) -> str:
        pairs = zip(names, layout.unpack_from(data), strict=True)
        return " ".join(filter(None, (_field(name, value) for name, value in pairs)))

    return words


def _field(name: str, value: int | bytes) -> str:
    if isinstance(value, bytes):
        value = int.from_bytes(value, "little")
    if not name:
        return f"reserved={value:#x}" if value else ""
    return f"{name}={'self' if _SELF.get(name) == value else number_words(value)}"


def elements(
    name: str, start: int, layout: struct.Struct, called: Callable[[int], str] = hex
) -> InputWords:
    """The elements behind a header of `start` bytes, from the first that is to be worked on;
    of pairs the second is the value. `called`: the first one in words."""

    def words(data: bytes, first: int, count: int) -> str:
        shown = range(first, min(count, first + SHOWN))
        found = [
            _element(layout.unpack_from(data, start + layout.size * at), called) for at in shown
        ]
        left = count - first - len(found)
        more = f" and {left:,} more" if left > 0 else ""
        return f"{name}={','.join(found)}{more}"

    return words


def _element(values: tuple[int | bytes, ...], called: Callable[[int], str]) -> str:
    first, *others = (
        int.from_bytes(one, "little") if isinstance(one, bytes) else one for one in values
    )
    return ":".join((called(first), *map(hex, others)))


def together(*parts: InputWords) -> InputWords:
    """Several of these, one behind the other."""

    def words(data: bytes, first: int, count: int) -> str:
        return " ".join(filter(None, (part(data, first, count) for part in parts)))

    return words
