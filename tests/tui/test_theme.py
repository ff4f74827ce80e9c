"""Colours can be read in every theme that is offered, whatever they are written on."""

import asyncio
from typing import get_args

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from tests.tui.builder import stopped
from tests.tui.driving import screen
from tests.tui.still_door import Still
from tui import theme
from tui.text import Role

OFFERED = (*theme.THEMES, *BUILTIN_THEMES.values())
MIXED = [one for one in OFFERED if not one.ansi]
"""Others leave all colours to the terminal."""


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05), L from sRGB as defined there."""

    def luminance(colour: tuple[int, int, int]) -> float:
        red, green, blue = (
            part / 255 / 12.92
            if part / 255 <= 0.04045
            else ((part / 255 + 0.055) / 1.055) ** 2.4
            for part in colour
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def rgb(name: str) -> tuple[int, int, int]:
    """A colour by Textual's name of it."""
    return Color.parse(name).rgb


def test_the_oracle_agrees_with_known_pairs() -> None:
    assert contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21)
    assert contrast((0x76, 0x76, 0x76), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("ground", ["background", "panel", "surface"])
@pytest.mark.parametrize("one", MIXED, ids=lambda one: one.name)
def test_every_role_of_every_theme_can_be_read(one: Theme, ground: str) -> None:
    """Texts 4.5 to 1 (WCAG 2.2, 1.4.3), lines 3 to 1 (1.4.11)."""
    variables = theme.with_foreground(one.to_color_system().generate(), ansi=False)
    looks = theme.looks(variables, ansi=False)
    poor = {}
    for role in get_args(Role):
        colour = looks[role].color
        assert colour is not None and colour.triplet is not None
        found = contrast(tuple(colour.triplet), rgb(variables[ground]))
        if found < (3.0 if role == "border" else 4.5):
            poor[role] = round(found, 2)
    assert not poor
    assert contrast(rgb(variables["foreground"]), rgb(variables["surface"])) >= 4.5


@pytest.mark.parametrize("one", MIXED, ids=lambda one: one.name)
def test_what_is_dim_differs(one: Theme) -> None:
    looks = theme.looks(one.to_color_system().generate(), ansi=False)
    assert looks["dim"] != looks["plain"] or one is theme.CONTRAST


XTERM = {
    "ansi_red": "#cd0000", "ansi_green": "#00cd00", "ansi_yellow": "#cdcd00",
    "ansi_blue": "#0000ee", "ansi_magenta": "#cd00cd", "ansi_cyan": "#00cdcd",
    "ansi_bright_red": "#ff0000", "ansi_bright_green": "#00ff00",
    "ansi_bright_yellow": "#ffff00", "ansi_bright_blue": "#5c5cff",
    "ansi_bright_magenta": "#ff00ff", "ansi_bright_cyan": "#00ffff",
    "ansi_default": "#e5e5e5",
}  # fmt: skip
"""xterm's own colours (its resource file XTerm-col.ad), and its foreground."""


def test_sixteen_colours_can_be_read_on_black_and_differ() -> None:
    looks = theme.looks(theme.SIXTEEN.to_color_system().generate(), ansi=True)
    named = {
        role: getattr(theme.SIXTEEN, variable) for role, (variable, _) in theme._LOOKS.items()
    }
    poor = {
        role: contrast(rgb(XTERM[name]), (0, 0, 0))
        for role, name in named.items()
        if contrast(rgb(XTERM[name]), (0, 0, 0)) < 4.5
    }
    assert not poor
    meanings = ("here", "good", "busy", "warn", "bad", "plain")
    assert len({named[role] for role in meanings}) == len(meanings)  # type: ignore[index]
    assert set(looks.roles) == set(get_args(Role))


@pytest.mark.parametrize("one", [theme.CALM, theme.CONTRAST, theme.LIGHT, theme.SIXTEEN])
def test_a_colour_has_one_meaning(one: Theme) -> None:
    looks = theme.looks(one.to_color_system().generate(), ansi=one.ansi)
    colours = [looks[role].color for role in ("here", "good", "busy", "warn", "bad", "plain")]
    assert len(set(colours)) == len(colours)
    assert looks["source"] == looks["plain"]
    assert looks["here"].color != looks["changed"].color


def test_one_colour_is_enough_for_the_mono_theme() -> None:
    looks = theme.looks(theme.MONO.to_color_system().generate(), ansi=False)
    for role in get_args(Role):
        colour = looks[role].color
        assert colour is not None and colour.triplet is not None
        assert len(set(colour.triplet)) == 1, f"{role} is a grey"


def test_what_has_changed_is_seen_without_colour() -> None:
    looks = theme.looks(theme.SIXTEEN.to_color_system().generate(), ansi=True)
    assert looks["changed"].underline and looks["changed"].bold


def test_all_themes_that_are_offered_are_these() -> None:
    async def story() -> None:
        async with screen(Still(stopped())) as hands:
            assert set(hands.app.available_themes) == {one.name for one in OFFERED}

    asyncio.run(story())
