"""Every term that a panel shows leads to its explanation in one key: it is among the links of
`?` on that panel's row, in the panel's own text, or `help TERM` tells it."""

import re
from pathlib import Path
from typing import Final

import pytest

from emu.texts.explanations import explanations, found
from tests.test_documents import ROOT
from tui.row_words import row_words

GOLDENS: Final = ROOT / "tests/tui/goldens"
PANELS: Final = tuple(explanations("panel", "en"))
SENTENCES: Final = ("answer", "code", "findings", "serial", "log", "dtb")
"""Panels that show what others have written: source, rules, the guest's own words. Of them only
what is written large is a term: a flag, a status, the name of a protocol."""
OTHERS: Final = re.compile(
    r"0?x?[0-9a-f]+|.*_.*|x[0-9a-f]+|.*\.(c|S|inc|nasm)|[zsMWp#.|!v]+|cpu\d|\[?\d.*|MAILBOX\w*|park\d+"
    r"|f*m*t*p*s*a*v*o*_*"
)
"""Numbers, the guest's names and files, lanes of the timeline and of the waterfall."""
TERM: Final = re.compile(r"[A-Za-z_]{2,}\w*(?:\.\w+)*")
CUT: Final = re.compile(r"[\w+.]*…[\w+.]*")
"""What is left of a word where there is too little room."""
PROSE: Final = frozenset(
    """
    a again aligned an and any appears are as at be been before bit break broken but by can
    cannot clears comes crashed crowd data does done down empty executed filtered first for
    from given has have hidden here in is it its last leaves lets like lists looks machine
    match may more name no none not nothing nth of once one opened or other others out
    outside page platforms press print range read reads sets shut stand started starts still
    stopped stores such take takes that the them they this to two up was ways what when
    where which who will with would writing yet answer apdbg asked changes commands entry
    names set waiting whose start mapped another asks change cursor each happens ran runs select
    selected somebody something steps stops than then waited wakes way faults
    further lines kin register pgdn
    """.split()  # noqa: SIM905
)
"""Words of plain sentences, and the titles of the pictures (`== broken ==`)."""
NAMED_BY_OTHERS: Final = ("ACPI", "SDM", "SMT", "EDK2", "OvmfPkg", "TdxDxe", "ApRunLoop")
"""Documents and files of others that a rule's source names."""


def terms(panel: str) -> dict[str, str]:
    """What goldens of a panel have in words, each with a row that has it."""
    rows: dict[str, str] = {}
    for path in sorted(GOLDENS.glob(f"{panel}-*.txt")):
        for row in path.read_text().splitlines():
            for term in TERM.findall(CUT.sub("", row)):
                large = sum(letter.isupper() for letter in term) > 1
                if large or panel not in SENTENCES:
                    rows.setdefault(term, row)
    return rows


def has(text: str, term: str) -> bool:
    """Whether a text has the word, whatever its capitals."""
    return bool(re.search(rf"\b{re.escape(term)}\b", text, re.IGNORECASE))


@pytest.mark.parametrize("panel", PANELS)
def test_every_term_on_a_panel_is_explained_within_one_key(panel: str) -> None:
    own = explanations("panel", "en")[panel]
    text = f"{own.text} {own.more} {' '.join(own.see)}"
    left = [
        term
        for term, row in terms(panel).items()
        if not found(term, "en")
        and not has(" ".join(shown for shown, _ in row_words(panel, row)), term)
        and not has(text, term)
        and not OTHERS.fullmatch(term)
        and term.lower() not in PROSE
        and term not in NAMED_BY_OTHERS
    ]
    assert not left, "explain these, or say in PROSE that they are plain words"


HEADS: Final = {
    "cpus": ("#", "apic", "state", "where", "waits for", "instructions", "clock"),
    "mailbox": ("#", "step", "since", "next"),
}
"""The head of each panel that has one, as `cpus-120.txt` and `mailbox-120.txt` show it."""


@pytest.mark.parametrize("panel", HEADS)
def test_every_column_has_a_text_and_a_link_from_its_panel(panel: str) -> None:
    golden = (GOLDENS / f"{panel}-120.txt").read_text()
    pattern = r"\s+".join(map(re.escape, HEADS[panel]))
    assert re.search(pattern, golden), "the head has other columns"
    links = explanations("panel", "en")[panel].see
    for head in HEADS[panel]:
        assert any(one.kind in ("column", "glyph") for one in found(head, "en")), head
        assert head in links or head == "#", head


NEWCOMER: Final = (
    "apic id", "tdx", "seed", "timed", "Noop", "vector", "reserved", "VP", "VTL", "VTL 2",
    "EnableVpVtl", "StartVirtualProcessor", "TDCALL", "#VE", "VEINFO", "reset vector", "AP",
    "BSP", "secondary", "lost", "degraded", "info+0x8", "leaf", "DTB", "gpa", "gva", "hpa",
    "private", "accepted", "shared view", "acked", "handed back", "offline", "milestone",
    "hand", "auto", "hold", "acpi (as it looks)", "nL4", "of", "PAST", "tick", "paravisor",
    "INIT-SIPI", "SVM", "VMM", "x2APIC", "ShimParams", "TD", "parked", "npt",
)  # fmt: skip
"""Words that had no explanation in view when the program was tried as a newcomer would."""


@pytest.mark.parametrize("word", NEWCOMER)
def test_every_word_that_a_newcomer_missed_is_explained(word: str) -> None:
    assert found(word, "en") and found(word, "zh")


def test_goldens_are_where_terms_are_looked_for() -> None:
    assert sum(map(len, map(terms, PANELS))) > 150 and Path(GOLDENS).is_dir()
