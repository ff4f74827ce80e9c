"""`save`, `export`, `report`: files that people ask for, by the ending of their names."""

from pathlib import Path
from typing import Final

from emu.debug.command import Begun, Command, some_text, text
from emu.debug.desk import Desk, Lines
from emu.errors import CommandError
from emu.given.files import new_file

MARKDOWN: Final = ".md"
MOMENT: Final = "moment"


def _save(desk: Desk, file: str) -> Lines:
    """Record the branch, up to now, in a file, or write the moment; says what was written."""
    kind, _, rest = file.partition(" ")
    if kind == MOMENT and rest.strip():
        from emu.debug import moment_save

        return moment_save.save(desk, rest.strip())
    from emu.debug import recording
    from emu.export.formats import FORMATS

    suffix = Path(file).suffix
    if suffix == MARKDOWN:
        raise CommandError(f"save {file}: a recording is no {suffix} file: `report` writes one")
    if suffix in FORMATS:
        raise CommandError(f"save {file}: a recording is no {suffix} file: `export` writes one")
    return (recording.save(desk, Path(file)),)


def _export(desk: Desk, file: str) -> Begun:
    """Write what happened up to now in another program's format; says what was written."""
    from emu.debug.diagnosis import Diagnosis
    from emu.export.formats import FORMATS

    suffix = Path(file).suffix
    if suffix == MARKDOWN:
        raise CommandError(f"export {file}: `report` writes a {suffix} file")
    form = FORMATS.get(suffix)
    if form is None:
        raise CommandError(f"export {file}: the name must end in {' or '.join(FORMATS)}")
    make, found = form.make, Diagnosis(desk)
    if not form.steps:
        return _written(file, make(found.history))

    def goal() -> bool:
        if not found.some():
            desk.reply = (f"export {file}: {found.progress}, nothing is written yet",)
            return False
        desk.reply = _written(file, make(found.history))
        return True

    return goal


def _report(desk: Desk, file: str) -> Lines:
    """Write the report, or answer with it; says what was written."""
    from emu.debug import report
    from emu.export.markdown import markdown

    if file and Path(file).suffix != MARKDOWN:
        raise CommandError(f"report {file}: the name must end in {MARKDOWN}")
    words = markdown(report.of(desk))
    return _written(file, words.encode()) if file else tuple(words.splitlines())


def _written(file: str, data: bytes) -> Lines:
    with new_file(Path(file), CommandError) as out:
        out.write(data)
    return (f"{file}: {len(data):,} bytes",)


SAVE: Final = Command(
    "save",
    "Write a recording of this branch to a file, or by `save moment FILE` this very moment.",
    _save,
    (text("file", rest=True),),
)
EXPORT: Final = Command(
    "export",
    "Write what happened to a file: `.json` for Perfetto, `.html` for a colleague.",
    _export,
    (text("file", rest=True),),
)
REPORT: Final = Command(
    "report",
    "Write the diagnosis and how to come here to a `.md` FILE for an issue tracker, or say it.",
    _report,
    (some_text("file", rest=True),),
)
