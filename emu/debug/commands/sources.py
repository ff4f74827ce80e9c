"""`sources`: where the source of the images lies, or why it is not found."""

from typing import Final

from msgspec.structs import replace

from emu.boot.lines import LineTable
from emu.boot.sources import HINT, SourceMap
from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines, focused
from emu.errors import CommandError
from emu.picture.listing import Listing


def _sources(desk: Desk, text: str) -> Lines:
    """One file, all that have code, or another map."""
    lines = desk.machine.board.layout.lines
    if "=" in text:
        return _mapped(desk, text)
    if text:
        wanted = [one for one in lines.files() if f"/{one}".endswith(f"/{text}")]
        if not wanted:
            raise CommandError(f"sources: no code comes from a file {text}")
        return tuple(_told(lines, one) for one in wanted)
    cpu = focused(desk)
    here = None if cpu.context is None else lines.line_of(desk.machine.board.origin(cpu))
    every = list(lines.files())
    if here is not None and here[0] in every:
        every.remove(here[0])
        every.insert(0, here[0])
    if not every:
        return (f"the images name no source; {HINT} where it lies, once they do",)
    return tuple(_told(lines, one) for one in every)


def _told(lines: LineTable, file: str) -> str:
    found = lines.source(file)
    if not found.place:
        return f"{file}: {found.why}"
    return f"{file}: {found.place}" + (f": {found.why}" if found.why else "")


def _mapped(desk: Desk, text: str) -> Lines:
    """Look by one more map, before those there are."""
    maps = (SourceMap.of(text), *desk.setup.sources)
    desk.setup = replace(desk.setup, sources=maps)
    desk.machine.board.layout.lines.look_in(maps)
    desk.drawn.listing = Listing(desk.machine)
    return (f"source compiled in {maps[0].compiled} is looked for in {maps[0].here}",)


SOURCES: Final = Command(
    "sources",
    "Say where source was found, or why not: of FILE, or (none) of all; `sources FROM=TO`: "
    "what was compiled below FROM lies in TO.",
    _sources,
    (some_text("text", rest=True),),
    looks=True,
)
