"""What is on the screen, as a file."""

from pathlib import Path

from emu.errors import ApdbgError
from emu.given.files import new_file
from tui.desk import Desk


def save_picture(desk: Desk) -> None:
    """Save the screen as an SVG picture in the current folder."""
    path = Path(f"apdbg-{desk.seen.tick}.svg")
    try:
        with new_file(path) as file:
            file.write(desk.app.export_screenshot(title="apdbg").encode())
    except ApdbgError as error:
        desk.say(f"! {error}", "bad")
    else:
        desk.say(f"{path}: the screen as it is")
