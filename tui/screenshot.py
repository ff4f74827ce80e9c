"""What is on the screen, as a file."""

import re
from pathlib import Path
from typing import Final

from textual.app import App

from emu.errors import ApdbgError
from emu.given.files import new_file
from tui.desk import Desk

_ELSEWHERE: Final = re.compile(r" *@font-face \{[^}]*\}\n|(?m:^ *<!--.*-->\n)")
"""A font that would be loaded from somebody's server, and who drew it."""
_FONT: Final = "Fira Code, monospace"


def svg_of(app: App[int]) -> str:
    """The screen as an SVG picture that loads nothing from elsewhere."""
    return _ELSEWHERE.sub("", app.export_screenshot(title="apdbg")).replace(_FONT, "monospace")


def save_picture(desk: Desk) -> None:
    """Save the screen as an SVG picture in the current folder."""
    path = Path(f"apdbg-{desk.seen.tick}.svg")
    try:
        with new_file(path) as file:
            file.write(svg_of(desk.app).encode())
    except ApdbgError as error:
        desk.say(f"! {error}", "bad")
    else:
        desk.say(f"{path}: the screen as it is")
