"""Where the source of an image lies on this machine, and why it is not found."""

from hashlib import md5
from pathlib import Path
from posixpath import isabs, join, normpath
from typing import Final

from msgspec import Struct

from emu.boot.image import Placed
from emu.boot.unit_lines import SourceCheck
from emu.errors import ApdbgError, CommandError
from emu.given.files import read_file
from emu.given.plain import plain

SEARCH_UP: Final = 3
"""How many folders above an image its source may lie."""
SOURCE_SUFFIXES: Final = frozenset(
    (".c", ".h", ".s", ".asm", ".inc", ".nasm", ".rs", ".zig", ".go", ".cc", ".cpp", ".cxx",
     ".hh", ".hpp", ".hxx", ".inl", ".ld", ".lds", ".adb", ".ads", ".d", ".nim", ".pas")
)  # fmt: skip
"""How names of source end, in small letters."""
SOURCE_BYTES_MAX: Final = 4 << 20
"""A larger file is no source that anybody reads."""
SHOWN_MAX: Final = 4
"""Places that are named where a file is in none of them."""
HINT: Final = "`--source FROM=TO` or `sources FROM=TO` says where"


class SourceMap(Struct, frozen=True):
    """What was compiled below one folder lies below another one now."""

    compiled: str
    here: str

    @classmethod
    def of(cls, text: str) -> "SourceMap":
        """From `FROM=TO`; raises CommandError."""
        compiled, equals, here = text.partition("=")
        if not equals or not here.strip():
            raise CommandError(
                f"--source {plain(text)}: takes FROM=TO: a folder that the image was compiled "
                "in, and where that lies now"
            )
        return cls(normpath(compiled.strip() or "."), here.strip())

    def place(self, path: str) -> Path | None:
        """Where a file would lie; None for one that was compiled elsewhere."""
        if self.compiled == ".":
            rest = path
        elif path.startswith(f"{self.compiled.rstrip('/')}/"):
            rest = path[len(self.compiled.rstrip("/")) + 1 :]
        else:
            return None
        outside = isabs(rest) or rest.split("/")[0] == ".."
        return None if outside else Path(self.here).expanduser() / rest


class Source(Struct, frozen=True):
    """A file of source: its lines, or why there are none."""

    lines: tuple[str, ...] = ()
    place: str = ""
    """Where it lies; empty if it was not found."""
    why: str = ""
    """Why it was not found, or how it differs from what was compiled; else empty."""


class Sources:
    """Finds files of source: by the maps, then beside an image and above it. An image says
    their names: a hostile one shall not bring a secret of the user into a report that is
    handed on, so only what is named as source is read."""

    def __init__(self, placed: tuple[Placed, ...]) -> None:
        self._placed = placed
        self._maps: tuple[SourceMap, ...] = ()
        self._found: dict[str, Source] = {}

    def look_in(self, maps: tuple[SourceMap, ...]) -> None:
        """From now on look for files by these maps, too."""
        self._maps = maps
        self._found.clear()

    def get(self, file: str, root: str, check: SourceCheck) -> Source:
        """A file as the line table names it, compiled in a folder."""
        if file not in self._found:
            self._found[file] = self._look(file, root, check)
        return self._found[file]

    def _look(self, file: str, root: str, check: SourceCheck) -> Source:
        if Path(file).suffix.lower() not in SOURCE_SUFFIXES:
            return Source(why="its name is none of a source file, so it is not read")
        tried = []
        for place in self._places(file, root):
            try:
                data = read_file(place, SOURCE_BYTES_MAX)
            except ApdbgError:  # not there, not to be read, or no file
                tried.append(str(place))
                continue
            text = data.decode("utf-8", "replace").expandtabs(8)
            return Source(tuple(text.splitlines()), str(place), _differs(data, check))
        return Source(why=self._missing(file, root, tried))

    def _places(self, file: str, root: str) -> list[Path]:
        whole = normpath(join(root, file))
        mapped = [
            place for one in self._maps for path in (whole, file)
            if (place := one.place(path)) is not None
        ]  # fmt: skip
        beside = [
            Path(folder, file)
            for item in self._placed
            for here in (item.image.path.resolve().parent,)
            for folder in (here, *here.parents[:SEARCH_UP])
        ]
        return list(dict.fromkeys((*mapped, *beside)))

    def _missing(self, file: str, root: str, tried: list[str]) -> str:
        more = len(tried) - SHOWN_MAX
        places = ", ".join(tried[:SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
        where = "" if isabs(file) else f", compiled in {root}"
        return plain(f"it is not at {places}{where}: {HINT}")


def _differs(data: bytes, check: SourceCheck) -> str:
    """How a file differs from the one that the line table is of (DWARF 5, 6.2.4.1:
    DW_LNCT_size and DW_LNCT_MD5), as far as that says."""
    if check.size and check.size != len(data):
        return (
            f"it is another file than the one that was compiled: {len(data):,} bytes, not "
            f"{check.size:,}"
        )
    if check.md5 and md5(data, usedforsecurity=False).digest() != check.md5:
        return "it is another file than the one that was compiled, by its MD5"
    return ""
