"""What is on the screen, as a file."""

from pathlib import Path

from tui.desk import Desk


def save_picture(desk: Desk) -> None:
    """Save the screen as an SVG picture in the current folder."""
    path = Path(f"apdbg-{desk.seen.tick}.svg")
    try:
        path.write_text(desk.app.export_screenshot(title="apdbg"), encoding="utf-8")
    except OSError as error:
        desk.say(f"! {path}: {error.strerror}", "bad")
    else:
        desk.say(f"{path}: the screen as it is")
