"""`save`, `export`: files that people ask for, exports by the ending of their name."""

from pathlib import Path
from typing import Final

from emu.debug.command import Command, text
from emu.debug.desk import Desk, Lines
from emu.errors import CommandError
from emu.given.files import new_file
from emu.mailbox.rule import each


def _save(desk: Desk, file: str) -> Lines:
    """Record the branch, up to now, in a file; says what was written."""
    from emu.debug import recording
    from emu.export.formats import FORMATS

    suffix = Path(file).suffix
    if suffix in FORMATS:
        raise CommandError(f"save {file}: a recording is no {suffix} file: `export` writes one")
    return (recording.save(desk, Path(file)),)


def _export(desk: Desk, file: str) -> Lines:
    """Write what happened up to now in another program's format; says what was written."""
    from emu.export.formats import FORMATS
    from emu.export.history import history

    path = Path(file)
    verdict = desk.verdict
    outcome = ("", "") if verdict is None else verdict.words
    broken = tuple(f"{one.rule}: {one.text}" for one in each(desk.judge.findings(verdict)))
    found = history(desk.machine, *outcome, broken)
    make = FORMATS.get(path.suffix)
    if make is None:
        raise CommandError(f"export {file}: the name must end in {' or '.join(FORMATS)}")
    data = make(found)
    with new_file(path, CommandError) as out:
        out.write(data)
    return (f"{file}: {len(data):,} bytes",)


SAVE: Final = Command(
    "save", "Write a recording of this branch to a file.", _save, (text("file", rest=True),)
)
EXPORT: Final = Command(
    "export",
    "Write what happened to a file: `.json` for Perfetto, `.html` for a colleague.",
    _export,
    (text("file", rest=True),),
)
