"""A picture read as a whole: what a front end pays that shows all of it."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

_NAMES: Final[dict[Any, tuple[str, ...]]] = {}
"""Type -> what can be read of its objects."""


def read_whole(value: object) -> int:
    """Read every field of a view, and of what lies in it; how many plain values that were.

    A property counts as a field.
    """
    if value is None or isinstance(value, str | bytes | int | float):
        return 1
    whole = getattr(value, "whole", None)  # of a picture that is made where it is read
    if whole is not None:
        value = whole()
    if isinstance(value, Mapping):
        value = value.values()
    count = 0
    if isinstance(value, Iterable):
        for one in value:
            count += read_whole(one)
        return count
    kind: Any = type(value)
    if kind not in _NAMES:
        _NAMES[kind] = _names(kind)
    for name in _NAMES[kind]:
        count += read_whole(getattr(value, name))
    return count


def _names(kind: Any) -> tuple[str, ...]:
    """Fields of a struct (of a dataclass, in older commits) and properties; no methods."""
    fields = [
        *getattr(kind, "__struct_fields__", ()),
        *getattr(kind, "__dataclass_fields__", ()),
    ]
    for base in kind.__mro__:
        fields += [
            name
            for name, found in vars(base).items()
            if isinstance(found, property | cached_property) and name not in fields
        ]
    return tuple(name for name in fields if not name.startswith("_"))
