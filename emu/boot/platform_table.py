"""A table of a platform's file, read key by key."""

from pathlib import Path
from typing import Any

from emu.errors import PlatformError
from emu.given.number import begins_a_number, parsed
from emu.given.plain import shown
from emu.hw.address import U64

Keys = dict[str, set[str]]
"""Name of a table -> the keys that it may have."""


def is_whole(value: Any) -> bool:
    """A whole number: TOML tells true from 1, Python does not."""
    return isinstance(value, int) and not isinstance(value, bool)


class TomlTable:
    """One table of a platform file, whose every complaint names the file and the key."""

    def __init__(self, path: Path, name: str, values: Any, keys: Keys) -> None:
        self.path = path
        self.name = name
        self.keys = keys
        if not isinstance(values, dict):
            raise PlatformError(f"{path}: {name} must be a table")
        self.values: dict[str, Any] = values
        for key in values:
            if key not in keys[name]:
                raise PlatformError(f"{path}: {self._full(key)}: there is no such key")

    def _full(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def wrong(self, key: str, what: str) -> PlatformError:
        """The exception for a value that cannot be."""
        got = shown(self.values[key]) if key in self.values else "nothing"
        return PlatformError(f"{self.path}: {self._full(key)} must be {what}, got {got}")

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number between two bounds."""
        value: Any = self.values.get(key, default)
        if not is_whole(value) or not least <= value <= most:
            raise self.wrong(key, f"a whole number from {least:,} to {most:,}")
        return int(value)

    def address(self, key: str) -> int | None:
        """An address below 4 GiB; None if there is none."""
        return self.whole(key, 0, 0, 0xFFFF_FFFF) if key in self.values else None

    def place(self, key: str) -> str:
        """A symbol, or an offset; empty if there is none."""
        value = self.values.get(key)
        if value is None:
            return ""
        if not is_place(value):
            raise self.wrong(key, "a symbol or an offset")
        return str(value)

    def text(self, key: str) -> str:
        """One line; empty if there is none."""
        value = self.values.get(key, "")
        if not isinstance(value, str) or not value.isprintable():
            raise self.wrong(key, "one line of text")
        return value

    def real(self, key: str, default: float, least: float, most: float) -> float:
        """A number between two bounds."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, "a number")
        if not least <= value <= most:
            raise self.wrong(key, f"from {least} to {most}")
        return float(value)

    def flag(self, key: str, default: bool | None) -> bool:
        """True or false; without a default it must be there."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def one_of(self, key: str, default: str | None, choices: tuple[str, ...]) -> Any:
        """One of a few words."""
        value = self.values.get(key, default)
        if value not in choices:
            raise self.wrong(key, f"one of {', '.join(choices)}")
        return value

    def table(self, key: str) -> "TomlTable":
        """A table below this one; an absent one is empty."""
        return TomlTable(self.path, key, self.values.get(key, {}), self.keys)


def is_place(value: Any) -> bool:
    """A symbol or an address."""
    if isinstance(value, str):
        return bool(value) and (not begins_a_number(value) or _is_address(value))
    return is_whole(value) and 0 <= value <= U64


def _is_address(word: str) -> bool:
    address = parsed(word)
    return address is not None and address <= U64
