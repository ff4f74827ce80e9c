"""A case: a seed's bytes and the edits made to them, so that fewer edits are a smaller case."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

TRIES_MAX: Final = 400
"""Smaller cases that are tried before the smallest so far is taken."""


class Edit(Struct, frozen=True):
    """Of a seed, `gone` bytes from `at` on are replaced."""

    at: int
    gone: int
    put: bytes = b""


class Case(Struct, frozen=True):
    """One input. `choice` decides whatever else there is to choose: a platform, a number of
    CPUs."""

    seed: str
    """The name of the bytes that were changed."""
    edits: tuple[Edit, ...]
    choice: int = 0


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """The bytes with all edits made, from the left; one that overlaps another is left out."""
    out, at = [], 0
    for edit in sorted(edits, key=lambda one: one.at):
        if edit.at < at:
            continue
        out += [data[at : edit.at], edit.put]
        at = min(edit.at + edit.gone, len(data))
    return b"".join([*out, data[at:]])


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """The same failure with as few edits, and as few bytes put in, as can be found."""
    left = TRIES_MAX

    def still(edits: Sequence[Edit]) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and fails(replace(case, edits=tuple(edits)))

    edits: Sequence[Edit] = _least(case.edits, still)
    for place in range(len(edits)):
        edits = _shorter(edits, place, still)
    return replace(case, edits=tuple(edits))


def _shorter(
    edits: Sequence[Edit], place: int, still: Callable[[Sequence[Edit]], bool]
) -> Sequence[Edit]:
    """The same edits, one of them with fewer bytes put in."""

    def own(put: bytes) -> Sequence[Edit]:
        return (*edits[:place], replace(edits[place], put=bytes(put)), *edits[place + 1 :])

    return own(_least(edits[place].put, lambda put: still(own(put))))


def _least(items: Any, still: Callable[[Any], bool]) -> Any:
    """The items without those that the failure does without, halves first."""
    size = max(len(items) // 2, 1)
    while items and size:
        for start in range(0, len(items), size):
            fewer = items[:start] + items[start + size :]
            if still(fewer):
                items = fewer
                break
        else:
            size //= 2
    return items
