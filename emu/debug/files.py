"""Files that people ask for by name: recordings, and exports by the ending of their name."""

from pathlib import Path

from emu.debug.desk import Desk
from emu.errors import CommandError
from emu.export.history import history


def save(desk: Desk, file: str) -> str:
    """Record the branch, up to now, in a file; says what was written."""
    from emu.debug import recording

    return recording.save(desk, Path(file))


def export(desk: Desk, file: str) -> str:
    """Write what happened up to now in another program's format; says what was written."""
    from emu.export import chrome, page

    path = Path(file)
    verdict = desk.verdict
    found = history(desk.machine, *(("", "") if verdict is None else verdict.words))
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
