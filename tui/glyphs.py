"""The signs of the screen, and what stands for them where a terminal has ASCII alone."""

from collections.abc import Mapping
from typing import Final

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

ASCII: Final[dict[str, str]] = {
    # CPUs and the ribbon
    "▶": ">", "↻": "z", "○": "p", "●": "o", "■": "h", "▪": "m", "◇": "w", "·": "-", "✗": "x",
    "✘": "X", "▲": "#", "◌": "i", "▸": ">", "◀": "<",
    # lines and borders
    "─": "-", "━": "=", "═": "=", "│": "|", "║": "|", "┄": ".",
    **dict.fromkeys("╭╮╰╯╔╗╚╝┌┐└┘┬┴┼╤╧╪├┤", "+"),
    # texts
    "…": "~", "→": ">", "←": "<", "↑": "^", "↓": "v",
    # bars
    "█": "#", "▓": "#", "▒": "+", "░": ".", "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=",
    "▆": "=", "▇": "#", "▏": "|", "▎": "|", "▍": "|", "▌": "|", "▋": "#", "▊": "#", "▉": "#",
    "▔": "-", "▕": "|",
}  # fmt: skip
"""A sign of one cell for each: nothing moves. What is not here becomes `?`."""
OTHERS: Final = "?"
_POOR: Final = ("dumb", "linux", "vt", "ansi", "cons", "sun", "wy", "xterm-old")
"""How names of terminals begin that lack most of these signs (terminfo(5); the Linux console's
fonts have 256 or 512 of them)."""
_TABLE: Final = str.maketrans(ASCII)
_LOCALE: Final = ("LC_ALL", "LC_CTYPE", "LANG")
"""The first that says something decides (POSIX, 8.2)."""
_COERCED: Final = "C.UTF-8"
"""What Python makes of a C locale for itself (PEP 538): the terminal has not said that."""


def are_plain(environment: Mapping[str, str]) -> bool:
    """Whether a terminal has ASCII alone, by its name and the locale; a locale that says
    nothing hinders nothing."""
    if environment.get("TERM", "").startswith(_POOR):
        return True
    asked = [environment[name] for name in _LOCALE if environment.get(name)]
    if asked[:1] == [_COERCED] and asked[1:2] and asked[1] in ("C", "POSIX"):
        del asked[0]
    said = "".join(asked[:1]).lower().replace("-", "")
    return bool(said) and "utf8" not in said


def draws_blocks(environment: Mapping[str, str]) -> bool:
    """Whether a lane of the timeline is drawn in blocks: not where a terminal has ASCII alone,
    and not without colours (https://no-color.org), where a letter says more than a height."""
    return not environment.get("NO_COLOR") and not are_plain(environment)


def plain(text: str) -> str:
    """The text in ASCII, as many cells wide: characters of ours and others have one each."""
    if text.isascii():
        return text
    text = text.translate(_TABLE)
    return "".join(one if one.isascii() else OTHERS for one in text)


class Plain(LineFilter):
    """Everything that is drawn, also by Textual itself, in ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """A row of the screen."""
        return [Segment(plain(text), style, control) for text, style, control in segments]
