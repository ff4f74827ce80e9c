"""The ribbon on the screen: always whole enough to read, and what keys and clicks do on it."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emu import open_session
from tests.tui import builder
from tests.tui.driving import SHIM, Hands, screen
from tests.tui.still_door import Still
from tui.panels.base import Window
from tui.panels.ribbon import PANEL
from tui.text import plain


def drawn(width: int, cpus: int = 4) -> str:
    """The line in so many cells."""
    view = builder.stopped() if cpus == 4 else builder.crowd(cpus)
    return plain(PANEL.render(view, Window(width, 1)).lines[0]).rstrip()


@settings(max_examples=60)
@given(width=st.integers(1, 260), cpus=st.sampled_from([4, 64, 1_024]))
def test_it_never_disappears_and_is_never_wider_than_the_screen(width: int, cpus: int) -> None:
    row = drawn(width, cpus)
    assert row or width < 8
    assert len(row) <= max(width, 12)


@pytest.mark.parametrize(("width", "cpus"), [(78, 4), (78, 1_024), (118, 4), (118, 1_024)])
def test_all_phases_are_there_at_80_columns(width: int, cpus: int) -> None:
    words = ["reset", "shim", "kern", "wake", "ack", "online", "done"]
    row = drawn(width, cpus)
    assert [word for word in words if word not in row] == []


def test_aps_are_numbers_or_dots_or_a_count() -> None:
    assert "●3" in drawn(118) and "●2" in drawn(118)
    assert "1,023" in drawn(198, 1_024) and "1023" in drawn(78, 1_024)


def test_what_is_lit_and_what_has_failed_have_a_mark_of_their_own() -> None:
    assert "▸wake" in drawn(78)
    view = builder.stopped()
    lost = replace(view.cpus[3], fate="lost")
    row = PANEL.render(replace(view, cpus=(*view.cpus[:3], lost)), Window(118, 1)).lines[0]
    assert "✗parked" in plain(row)


def test_nothing_moves_but_what_changed() -> None:
    """Every name stands at the same column whatever the boot is at."""
    rows = [plain(PANEL.render(build(), Window(118, 1)).lines[0])
            for build in (builder.stopped, builder.before, builder.crashed)]  # fmt: skip
    names = ("reset", "shim", "tables", "start APs", "parked", "wake-up", "done")
    assert len({tuple(row.index(name) for name in names) for row in rows}) == 1


async def booted(hands: Hands) -> None:
    """The whole course is known."""
    await hands.type("run")


def test_a_click_goes_to_a_phase() -> None:
    async def story() -> None:
        async with screen(open_session(str(SHIM), platform="tdx", cpus=3), (120, 40)) as hands:
            await booted(hands)
            column = hands.row(1).index("kernel") + 3
            await hands.pilot.click("#ribbon", offset=(column, 0))
            await hands.settle()
            assert hands.seen.tick < hands.seen.timeline.end
            assert "kernel_start" in hands.seen.cpus[0].symbol
            assert hands.frame.slot != "ribbon", "the keys stay where they were"

    asyncio.run(story())


def test_keys_go_along_it_and_enter_goes_there() -> None:
    async def story() -> None:
        async with screen(open_session(str(SHIM), platform="tdx", cpus=3)) as hands:
            await booted(hands)
            hands.app.parts.arranging.show_panel("ribbon")
            await hands.press(*["left"] * 8, "enter")
            await hands.settle()
            assert hands.seen.cpus[0].line == "shim/entry.S:12"
            await hands.press("right", "enter")
            await hands.settle()
            assert hands.seen.cpus[0].symbol.startswith("build_ap_tables")

    asyncio.run(story())


def test_a_phase_that_nobody_has_come_to_says_so() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            hands.app.parts.arranging.show_panel("ribbon")
            await hands.press("right", "right", "right", "enter")
            assert "done: nobody has come there yet" in hands.text

    asyncio.run(story())


def test_a_question_mark_explains_the_phase() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session) as hands:
            hands.app.parts.arranging.show_panel("ribbon")
            await hands.press("left", "left", "?")
            await hands.until(lambda: "An AP that has nothing to do yet" in hands.text)

    asyncio.run(story())


def test_a_zoomed_panel_leaves_it_where_it_is() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            before = hands.row(1)
            await hands.press("z")
            assert hands.row(1) == before and "CPUs" not in hands.text

    asyncio.run(story())


def test_with_the_keys_it_shows_where_its_cursor_is_and_without_it_has_none() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            hands.app.parts.arranging.show_panel("ribbon")
            await hands.pilot.pause()
            strip = hands.frame.render_line(0)
            lit = [one.text for one in strip if one.style is not None and one.style.reverse]
            assert "".join(lit).strip() == "▸wake-up"
            frame = hands.frame
            await hands.press("tab")
            strip = frame.render_line(0)
            assert not [one for one in strip if one.style is not None and one.style.reverse]

    asyncio.run(story())
