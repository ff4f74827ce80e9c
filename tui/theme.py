"""Colours: what each role of text looks like in full colour, in 16 colours and in none."""

from collections.abc import Container
from typing import Final, get_args

from msgspec import Struct
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from tui.text import Role

CALM: Final = Theme(
    name="apdbg",
    primary="#7aa7e8", secondary="#86c5c9", accent="#c9a2f2", success="#93bf85",
    warning="#e0a95f", error="#ec7a83", foreground="#d5dbe6", background="#12161d",
    surface="#181d26", panel="#222936", dark=True,
)  # fmt: skip
"""The theme of apdbg; people may choose any other in the palette."""
CONTRAST: Final = Theme(
    name="apdbg-contrast",
    primary="#6cb6ff", secondary="#7ee7f0", accent="#ff9cff", success="#7dff7d",
    warning="#ffc247", error="#ff7b7b", foreground="#ffffff", background="#000000",
    surface="#000000", panel="#303030", dark=True,
)  # fmt: skip
"""Nothing fades: every text has a contrast of at least 7 to 1 to black (WCAG 2.2, 1.4.6)."""
LIGHT: Final = Theme(
    name="apdbg-light",
    primary="#1d5fb4", secondary="#0d6b75", accent="#7b2fa8", success="#2c6e1f",
    warning="#8a4b00", error="#b3202c", foreground="#20242c", background="#fafafa",
    surface="#f0f0f0", panel="#dfe4ec", dark=False,
)  # fmt: skip
MONO: Final = Theme(
    name="apdbg-mono",
    primary="#e6e6e6", secondary="#e6e6e6", accent="#ffffff", success="#e6e6e6",
    warning="#e6e6e6", error="#ffffff", foreground="#e6e6e6", background="#101010",
    surface="#161616", panel="#2a2a2a", dark=True,
)  # fmt: skip
"""One colour: signs, words and weight tell everything."""
_ANSI: Final = BUILTIN_THEMES["ansi-dark"]
SIXTEEN: Final = Theme(
    name="apdbg-16", ansi=True,
    primary="ansi_bright_cyan", secondary="ansi_default", accent="ansi_bright_magenta",
    success="ansi_bright_green", warning="ansi_bright_yellow", error="ansi_bright_red",
    foreground="ansi_default", background="ansi_default", surface="ansi_default",
    panel="ansi_default", boost="ansi_default", dark=True, variables=_ANSI.variables,
)  # fmt: skip
"""The sixteen colours of a dark terminal. Its blue is too dark for texts: what runs is cyan,
and names, which weight tells from values, have no colour."""
THEMES: Final = (CALM, CONTRAST, LIGHT, MONO, SIXTEEN)
FEW_COLOURS: Final = SIXTEEN.name
"""The theme for terminals of 16 colours or none: their own colours, nothing mixed."""

_LOOKS: Final[dict[Role, tuple[str, bool]]] = {
    "plain": ("foreground", False), "strong": ("foreground", True),
    "number": ("foreground", False),
    "changed": ("foreground", True), "here": ("accent", True), "name": ("secondary", False),
    "source": ("foreground", False), "good": ("success", False), "busy": ("primary", True),
    "warn": ("warning", False), "bad": ("error", True), "dim": ("foreground", False),
    "border": ("foreground", False), "title": ("foreground", True),
}  # fmt: skip
"""Role -> the theme's variable, and whether it is bold. A colour has one meaning: the accent
is where you are, green is well, amber waits or warns, red is broken, blue runs; names have the
theme's second colour, and all else is foreground, told apart by weight."""
_UNDERLINED: Final[tuple[Role, ...]] = ("changed",)
FADES: Final[dict[Role, float]] = {"dim": 0.4, "border": 0.75}
"""How far what shall not catch the eye moves towards the background."""
READABLE: Final = 4.5
"""The contrast that a text has to what it is written on, at the least (WCAG 2.2, 1.4.3)."""
LINES: Final = 3.0
"""That of lines, which are no text (WCAG 2.2, 1.4.11)."""
_FOREGROUND: Final = 6.0
"""That of the foreground, so that what is dim differs from it."""
_GROUNDS: Final = ("background", "panel", "surface")
"""What texts are written on: a frame, the selected row and the bars, a dialog."""
_STEPS: Final = 32
_WHITE, _BLACK = Color(255, 255, 255), Color(0, 0, 0)


def few_colours(color_system: str | None, no_color: bool) -> bool:
    """Whether a terminal cannot show mixed colours (rich's name of its colour system)."""
    return no_color or color_system in (None, "standard", "windows")


def chosen(last: str, known: Container[str], few: bool) -> str:
    """The terminal's own colours where it has few; else the theme that was chosen last."""
    if few:
        return FEW_COLOURS
    return last if last in known else CALM.name


class Looks(Struct, frozen=True):
    """The styles of a theme: one for each role, and what lies under the selected row."""

    roles: dict[Role, Style]
    row: Style

    def __getitem__(self, role: Role) -> Style:
        return self.roles[role]


PLAIN: Final = Looks(dict.fromkeys(get_args(Role), Style()), Style())
"""Before a theme is known."""


def with_foreground(variables: dict[str, str], ansi: bool) -> dict[str, str]:
    """A theme's variables with a foreground that can be read: style sheets use it as it is."""
    colour = _colour(variables, "foreground")
    if ansi or colour is None:
        return variables
    return {**variables, "foreground": readable(colour, _grounds(variables), _FOREGROUND).hex}


def _grounds(variables: dict[str, str]) -> list[Color]:
    return [one for name in _GROUNDS if (one := _colour(variables, name)) is not None]


def looks(variables: dict[str, str], ansi: bool) -> Looks:
    """The looks of a theme with these variables: its colours, moved as far as it takes to read
    them. In an ansi theme the terminal's own colours are used, dim is its dim, and the selected
    row has its background."""
    grounds = _grounds(variables)
    found: dict[Role, Style] = {}
    for role, (name, bold) in _LOOKS.items():
        colour = _colour(variables, name)
        if colour is not None and not ansi:
            if role in FADES and variables.get("background") != CONTRAST.background:
                colour = colour.blend(grounds[0], FADES[role])
            bright = name == "foreground" and role not in FADES
            least = _FOREGROUND if bright else LINES if role == "border" else READABLE
            colour = readable(colour, grounds, least)
        found[role] = Style(
            color=None if colour is None else colour.rich_color,
            bold=bold or None,
            dim=True if role in FADES and ansi else None,
            underline=True if role in _UNDERLINED else None,
        )
    under = None if ansi else _colour(variables, "panel")
    return Looks(found, Style(bgcolor=None if under is None else under.rich_color))


def readable(colour: Color, grounds: list[Color], least: float) -> Color:
    """The colour, moved to white or black until it has this contrast to all grounds; white or
    black where nothing else has."""
    far = max((_WHITE, _BLACK), key=lambda end: min(_contrast(end, one) for one in grounds))
    for step in range(_STEPS):
        moved = colour.blend(far, step / _STEPS)
        if all(_contrast(moved, one) >= least for one in grounds):
            return moved
    return far


def _luminance(colour: Color) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2, "relative luminance")."""
    parts = (one / 255 for one in colour.rgb)
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: Color, other: Color) -> float:
    """1 to 21 (WCAG 2.2, "contrast ratio")."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _colour(variables: dict[str, str], name: str) -> Color | None:
    try:
        return Color.parse(variables[name])
    except (KeyError, ColorParseError):
        return None
