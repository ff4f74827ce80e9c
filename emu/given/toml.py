"""TOML that people wrote, as plain values of sizes that a program can go on with."""

import tomllib
from pathlib import Path
from typing import Any, Final

from emu.errors import ApdbgError

BITS_MAX: Final = 256
"""Of a whole number: more of them cannot even be printed at once."""
DEPTH_MAX: Final = 16
"""Tables and lists within one another; Python's own limit is a traceback."""


def table_of(
    data: bytes | str, place: Path | str, error: type[ApdbgError] = ApdbgError
) -> dict[str, Any]:
    """The values of a TOML text; raises the given error with a sentence that names its file."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError as problem:
        raise error(f"{place}: is no TOML: byte {problem.start:,} is no UTF-8") from None
    except ValueError as problem:  # TOMLDecodeError, and a number of more than 4,300 digits
        words = str(problem).partition(";")[0]
        raise error(f"{place}: is no TOML: {words}") from None
    except RecursionError:
        raise error(f"{place}: is no TOML: nested too deep") from None
    for key, value in values.items():
        wrong = _wrong(value, 1)
        if wrong:
            raise error(f"{place}: {key}: {wrong}")
    return values


def _wrong(value: Any, depth: int) -> str:
    """What cannot be gone on with; empty for what can."""
    if isinstance(value, int) and value.bit_length() > BITS_MAX:
        return f"a number of {value.bit_length():,} bits"
    if not isinstance(value, dict | list):
        return ""
    if depth == DEPTH_MAX:
        return "is nested too deep"
    inner = value.values() if isinstance(value, dict) else value
    return next((text for one in inner if (text := _wrong(one, depth + 1))), "")
