"""An export format: a function from all that happened to the bytes of a file."""

from pathlib import Path

from tests.guest import boot

NEW = {
    "emu/export/plain.py": '''\
"""The events as lines of text."""

from emu.export.history import BranchHistory


def lines(history: BranchHistory) -> bytes:
    """The whole file."""
    return "".join(f"{event.tick} {event.text}\\n" for event in history.events).encode()
''',
}
LINES = {
    "emu/export/formats.py": (
        ("from emu.export import chrome, page", ", plain"),
        (
            '    ".html": ExportFormat(page.page, steps=True),\n',
            '    ".txt": ExportFormat(plain.lines),\n',
        ),
    ),
}


def uses() -> None:
    session = boot("mov al, 77\nmov dx, 0x80\nout dx, al\nhlt")
    session.do("run")
    (said,) = session.do("export events.txt").reply
    assert "3 POST code 0x4d\n" in Path("events.txt").read_text() and said.endswith("bytes")
