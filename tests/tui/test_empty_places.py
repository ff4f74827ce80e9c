"""A panel without content says what will be there and what brings it, and that works."""

import pytest
from msgspec.structs import replace

from emu import open_session
from emu.debug import language
from emu.debug.screen_words import SCREEN_WORDS
from emu.errors import ApdbgError
from emu.picture.log_views import LogLook
from emu.picture.sections import CpusLook
from emu.picture.view import MachineView
from tests.tui import builder
from tests.tui.driving import SHIM
from tui.keys import KEYS
from tui.panels import BY_ID, PANELS
from tui.panels.base import Page, Window
from tui.text import plain

NEVER_EMPTY = ("status", "ribbon")
"""Panels that have something to say of every machine."""


def empty() -> MachineView:
    """A view in which every panel that can have nothing has nothing."""
    view = builder.before()
    parts = view.sections
    assert parts.dtb and parts.memory and parts.nested and parts.stack and parts.tables
    assert parts.profile
    nothing = replace(
        parts, waits=(), stack=replace(parts.stack, rows=(), ending="it has not started"),
        dtb=replace(parts.dtb, rows=(), problem="no tree is there"), exits=builder.log_view(()),
        logged=builder.logged(False),
        regions=replace(builder.regions(), rows=(), total=0),
        nested=replace(parts.nested, ranges=(), written=()),
        memory=replace(parts.memory, problem="nothing is mapped there"),
        tables=replace(parts.tables, rows=(), problem="paging is off"),
        profile=replace(parts.profile, tick=None, waterfall=None),
    )  # fmt: skip
    return replace(
        view, focus=1, sections=nothing, registers=(), code=(), reply=(),
        cpus_look=CpusLook(filter="shutdown"),
    )  # fmt: skip


def filtered() -> MachineView:
    """A view whose logs and tables are narrowed down to nothing."""
    view = empty()
    parts = view.sections
    assert parts.log and parts.dtb and parts.tables
    none = replace(parts.log, look=LogLook(text="nothing"), total=7, searched=7)
    return replace(view, sections=replace(
        parts, log=none, exits=none, dtb=replace(parts.dtb, problem="", rows=()),
        tables=replace(parts.tables, problem=""),
    ))  # fmt: skip


def promised(page: Page) -> list[str]:
    """The keys and commands that a page names."""
    return [text for row in page.lines for text, role in row if role == "strong"]


PAGES = {
    f"{panel.id}-{name}": panel.render(build(), Window(90, 14))
    for name, build in (("empty", empty), ("filtered", filtered))
    for panel in PANELS
    if panel.id not in NEVER_EMPTY
}


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_place_names_keys_or_commands_that_exist(name: str) -> None:
    page = PAGES[name]
    words = promised(page)
    keys = {shown for key in KEYS for shown in key.shown.split()}
    assert words, [plain(row) for row in page.lines]
    assert len(" ".join(map(plain, page.lines)).split()) > 8
    assert not page.spots
    for word in words:
        if word.startswith(":"):
            first = word[1:].split()[0]
            assert first in SCREEN_WORDS or language.command_of(word[1:]) is not None, word
        else:
            assert word in keys, word


def test_commands_of_empty_places_work() -> None:
    if not SHIM.exists():
        pytest.skip("the sample shim is not built")
    orders = {word[1:] for page in PAGES.values() for word in promised(page) if word[0] == ":"}
    for order in sorted(orders - {"watch PLACE", "find"}):
        if order.split()[0] in SCREEN_WORDS:
            continue
        session = open_session(str(SHIM), platform="tdx", cpus=2)
        session.do("until shim_main" if order.startswith("until") else "until secondary_start")
        try:
            session.do(order)
        except ApdbgError as error:
            pytest.fail(f"{order}: {error}")


@pytest.mark.parametrize("width", [20, 38, 60])
@pytest.mark.parametrize("height", [1, 2, 3, 8])
def test_it_fits(width: int, height: int) -> None:
    for panel in PANELS:
        page = panel.render(empty(), Window(width, height))
        assert len(page.lines) <= height
        if panel.id not in NEVER_EMPTY:
            assert all(len(plain(row)) <= max(width, 26) for row in page.lines), panel.id


@pytest.mark.parametrize("height", [2, 4])
def test_in_a_low_window_the_keys_stay(height: int) -> None:
    for panel in PANELS:
        if panel.id not in NEVER_EMPTY:
            assert promised(panel.render(empty(), Window(78, height))), panel.id


def test_the_timeline_before_the_first_tick_says_what_comes() -> None:
    page = BY_ID["timeline"].render(builder.before(), Window(80, 6))
    assert "A lane for each CPU comes here" in " ".join(map(plain, page.lines))
