"""The Markdown of explanations: every word is there, and every link leads to an anchor."""

import re

import pytest

from emu.texts.explanations import explanations, kinds
from emu.texts.language import LANGUAGES, Language
from emu.texts.pages import anchor, markdown, title


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_every_word_has_its_own_anchor_and_every_link_leads_to_one(tongue: Language) -> None:
    pages = {f"{kind}.md": markdown(kind, tongue) for kind in kinds()}
    anchors = {name: re.findall(r'<a id="([^"]+)"', text) for name, text in pages.items()}
    for kind in kinds():
        words = explanations(kind, tongue).values()
        assert anchors[f"{kind}.md"] == [anchor(one) for one in words]
        assert len(set(anchors[f"{kind}.md"])) == len(words)
    for name, text in pages.items():
        for there, wanted in re.findall(r"\]\(([a-z_0-9.]*)#([^)]+)\)", text):
            assert wanted in anchors[there or name], (name, wanted)


def test_words_of_one_page_link_without_its_name() -> None:
    text = markdown("efer", "en", page=lambda kind: "all.md")
    assert "[`LME`](#efer-lme)" in text and "all.md" not in text
    assert "[`LME`](#efer-lme)" in markdown("efer", "en")


def test_an_entry_has_heading_text_source_and_links() -> None:
    text = markdown("efer", "en", level=2)
    assert "## `LMA`\n\nLong mode is active" in text
    assert "*Source: SDM 3, 2.2.1 and 10.8.5*" in text
    assert "出处: SDM 3" in markdown("efer", "zh") and "另见: " in markdown("efer", "zh")
    assert title("efer", "en") == "a bit of EFER"
