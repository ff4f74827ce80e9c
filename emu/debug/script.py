"""A schedule on paper: commands that are carried out before a run goes on.

One a line, as they are typed; what stands behind ` #` is a remark, and so is a line that begins
with it.
"""

import re
from pathlib import Path
from typing import Final

from emu.boot.samples import place_of
from emu.errors import ApdbgError
from emu.given.files import read_file

_BYTES_MAX: Final = 1 << 20
_REMARK: Final = re.compile(r"^\s*#.*|\s#(?!\d).*")


class ScriptError(ApdbgError):
    """A file of commands that cannot be read, or one of them that cannot be carried out."""


def read(path: Path) -> list[tuple[int, str]]:
    """(number of the line, command) of all that a file or a sample of that name has; raises
    ScriptError."""
    path = place_of(str(path), ".script")
    try:
        text = read_file(path, _BYTES_MAX, ScriptError).decode()
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path}: is no text: byte {error.start:,} is no UTF-8") from None
    lines = ((number, command(line)) for number, line in enumerate(text.splitlines(), 1))
    return [(number, words) for number, words in lines if words]


def command(line: str) -> str:
    """The command of a line, empty where there is none: `goto #7` is no remark."""
    return _REMARK.sub("", line).strip()
