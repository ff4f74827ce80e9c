"""Findings that many CPUs have alike: a thousand APs with one bug are one line."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from emu.words.spans import spans

FROM: Final = 4
"""So many that are alike are told together; fewer one by one."""
_NUMBER: Final = re.compile(r"0x[0-9a-f]+|\d[\d,]*")
_LikeKey = tuple[object, ...]


class Headed(Protocol):
    """What the head of a finding is made of."""

    @property
    def rule(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def cpu(self) -> int | None: ...
    @property
    def tick(self) -> int: ...
    @property
    def where(self) -> str: ...


class Sentence(Headed, Protocol):
    """A finding, or a report of one."""

    @property
    def text(self) -> str: ...
    @property
    def consequences(self) -> "Sequence[Sentence]": ...


T = TypeVar("T", bound=Sentence)


class Alike(Struct, Generic[T], frozen=True):
    """One finding, or several of one rule at one place whose words differ in numbers alone."""

    first: T
    cpus: tuple[int, ...]
    """Of all of them, in order; none where it is the host's, or nobody's."""
    count: int = 1

    @property
    def text(self) -> str:
        """What was seen, and of several that it is the first one's."""
        if self.count == 1:
            return self.first.text
        return f"{self.first.text} (the first of {self.count:,}; `findings {self.first.rule}`)"

    @property
    def who(self) -> str:
        """`host`, `cpu 2`, `cpus 1-1023`."""
        if not self.cpus:
            return "host"
        return f"cpu{'s' * (len(self.cpus) > 1)} {spans(self.cpus)}"


def alike(found: Iterable[T]) -> tuple[Alike[T], ...]:
    """The findings in their order, those that are alike together where the first one stands."""
    keyed = [(_key(one), one) for one in found]
    groups: dict[_LikeKey, list[T]] = {}
    for key, one in keyed:
        groups.setdefault(key, []).append(one)
    told: list[Alike[T]] = []
    for key, one in keyed:
        members = groups[key]
        if len(members) < FROM:
            told.append(single(one))
        elif members[0] is one:
            cpus = sorted({each.cpu for each in members if each.cpu is not None})
            told.append(Alike(one, tuple(cpus), len(members)))
    return tuple(told)


def single(one: T) -> Alike[T]:
    """One finding by itself."""
    return Alike(one, () if one.cpu is None else (one.cpu,))


def _key(one: Sentence) -> _LikeKey:
    below = tuple(_key(each) for each in one.consequences)
    return one.rule, one.severity, one.where, _NUMBER.sub("#", one.text), below
