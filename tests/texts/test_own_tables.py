"""The texts of the screen's own words against the program's tables: each has one, and no text
is of a word that is gone."""

from collections.abc import Iterable
from typing import Final, get_args

import pytest

from emu.boot.platform import _KEYS
from emu.boot.roles import DATA_ROLES, FAMILIES, ROLES
from emu.judge.verdict import MEANINGS
from emu.mailbox.ap import ApState
from emu.texts.explanations import explanations, found
from emu.texts.language import LANGUAGES, Language
from tui.panels import BY_ID, PANELS
from tui.panels.states import EVERY

TABLES: Final[dict[str, Iterable[str]]] = {
    "state": MEANINGS,
    "step": get_args(ApState),
    "role": (*ROLES, *DATA_ROLES),
    "milestone": [point.name for family in FAMILIES for point in family.points],
    "timeline": "#szh.xMWv!|-=",
    "platform_key": [f"{table}.{key}" for table in ("numa", "openhcl") for key in _KEYS[table]],
}
"""Kind -> its words; the timeline's letters are those of its legend and its cursor."""


@pytest.mark.parametrize("kind", TABLES)
def test_each_word_of_a_table_has_a_text_and_no_text_is_of_another(kind: str) -> None:
    assert set(explanations(kind, "en")) == set(TABLES[kind])


def test_every_panel_has_a_text() -> None:
    assert set(BY_ID) <= set(explanations("panel", "en"))


def test_a_panel_is_found_by_each_of_its_names() -> None:
    for panel in PANELS:
        for name in (panel.id, panel.title, panel.tab):
            told = {(one.kind, one.word) for one in found(name, "en")}
            assert ("panel", panel.id) in told, (panel.id, name)


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_the_help_of_a_panel_names_what_its_tables_have(tongue: Language) -> None:
    panels = explanations("panel", tongue)
    for word in (state.word for state in EVERY):
        assert f"  {word} " in panels["cpus"].more, word
    for step in ("parked", "woken", "acked", "arrived", "online", "left", "gave-up"):
        assert f"  {step} " in panels["mailbox"].more, step


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_a_state_on_the_screen_is_found_as_it_stands_there(tongue: Language) -> None:
    for state in EVERY:
        assert found(state.word, tongue), state.word
