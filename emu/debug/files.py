"""Files that people ask for by name: recordings, and exports by the ending of their name."""

from pathlib import Path
from typing import TYPE_CHECKING

from emu.errors import CommandError

if TYPE_CHECKING:
    from emu.debug.session import Session


def save(session: "Session", file: str) -> str:
    """Record the branch, up to now, in a file; says what was written."""
    from emu.debug import recording

    return recording.save(session, Path(file))


def export(session: "Session", file: str) -> str:
    """Write what happened up to now in another program's format; says what was written."""
    from emu.export import chrome, page
    from emu.export.history import history

    path = Path(file)
    verdict = session.verdict
    found = history(session.machine, *(("", "") if verdict is None else verdict.words))
    match path.suffix:
        case ".json":
            data = chrome.trace(found)
        case ".html":
            data = page.page(found).encode()
        case _:
            raise CommandError(f"export {file}: the name must end in .json or .html")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CommandError(f"export {file}: {error.strerror}") from None
    return f"{file}: {len(data):,} bytes"
