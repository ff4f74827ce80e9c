"""What is copied is what the panel shows, as text that moves no terminal."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from emu.debug.screen_words import SCREEN_WORDS
from tests.tui import builder
from tests.tui.driving import boot, screen
from tests.tui.still_door import Still
from tui.panels import BY_ID, PANELS
from tui.panels.base import Panel, Window


def test_y_copies_the_row_of_the_cursor_and_says_so() -> None:
    async def story() -> None:
        async with screen(boot(), (80, 24)) as hands:
            await hands.type("until mailbox_ack")
            await hands.type("events")
            await hands.press("tab")
            while hands.frame.panel.id != "events":
                await hands.press("tab")
            await hands.press("down", "y")
            row = hands.app.clipboard
            assert hands.row(-2) == "copied 1 line of Events"
            assert "\n" not in row and row.split()[0] in hands.text
            assert row.endswith("mailbox command = Wakeup (was Noop)")

    asyncio.run(story())


def test_a_register_under_the_cursor_is_copied_alone() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            await hands.press("]", "down", "y")
            assert hands.frame.panel.id == "registers"
            copied = hands.app.clipboard.split()
            assert copied == ["rax", "*84000a0", "secondary_start"]

    asyncio.run(story())


def test_y_without_a_cursor_copies_what_is_in_sight_and_capital_y_the_rest_as_well() -> None:
    async def story() -> None:
        async with screen(boot(), (80, 24)) as hands:
            await hands.press("c")
            await hands.settle()
            while hands.frame.panel.id != "events":
                await hands.press("tab")
            await hands.press("y")
            few = hands.app.clipboard.split("\n")
            assert len(few) == hands.frame.page.rows
            await hands.press("Y")
            every = hands.app.clipboard.split("\n")
            assert len(every) == hands.frame.page.total > len(few)
            assert f"copied {len(every)} lines of Events" in hands.row(-2)

    asyncio.run(story())


def test_y_in_the_list_of_cpus_copies_the_selected_one() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            while hands.frame.panel.id != "cpus":
                await hands.press("tab")
            await hands.press("y")
            assert hands.app.clipboard.split()[1] == str(hands.seen.focus)
            assert "copied 1 line of CPUs" in hands.row(-2)

    asyncio.run(story())


@pytest.mark.parametrize("panel", PANELS, ids=lambda one: one.id)
def test_every_panel_is_copied_by_name_without_being_turned_to(panel: Panel) -> None:
    async def story() -> None:
        async with screen(boot(), (80, 24)) as hands:
            await hands.type("until mailbox_ack")
            shown = [frame.panel.id for frame in hands.app.desk.frames.placed]
            await hands.type(f"copy {panel.id}")
            assert hands.row(-2).startswith("copied ") or "nothing to copy" in hands.row(-2)
            assert [frame.panel.id for frame in hands.app.desk.frames.placed] == shown

    asyncio.run(story())


def test_a_file_gets_all_of_the_panel_and_is_not_overwritten_unasked(tmp_path: Path) -> None:
    async def story() -> None:
        place = tmp_path / "events.txt"
        async with screen(boot(), (80, 24)) as hands:
            await hands.press("c")
            await hands.settle()
            while hands.frame.panel.id != "events":
                await hands.press("tab")
            await hands.type(f"write {place}")
            rows = place.read_text().splitlines()
            assert len(rows) == hands.frame.page.total
            assert "enters the shim" in "".join(rows) or "_start" in "".join(rows)
            place.write_text("mine")
            await hands.type(f"write {place}")
            assert "is there" in hands.text and place.read_text() == "mine"
            await hands.press("escape")
            await hands.type(f"write! {place}")
            assert place.read_text().splitlines() == rows

    asyncio.run(story())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("write", "needs the name of a file"),
        ("write /nowhere/at/all", "cannot be written"),
        ("write /", "is there"),
        ("write! /", "irectory"),
        ("copy nothing", "is no panel"),
        ("copy evnts", "did you mean 'events'"),
    ],
)
def test_what_cannot_be_copied_is_said_and_stays_in_the_prompt(words: str, says: str) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (120, 40)) as hands:
            await hands.type(words)
            assert says in hands.row(-2) and hands.app.desk.prompt.edit.text == words

    asyncio.run(story())


def test_what_a_guest_printed_is_copied_without_what_moves_a_terminal(tmp_path: Path) -> None:
    async def story() -> None:
        view = replace(builder.stopped(), serial="a\x1b]52;c;aGk=\x07b\x9b2J\u202e\n")
        async with screen(Still(view), (80, 24)) as hands:
            await hands.type("copy serial")
            assert hands.app.clipboard.isprintable()
            await hands.type("events")

    asyncio.run(story())


def test_values_are_whole_in_what_is_copied() -> None:
    """In sight a text may be cut; what is copied has the width that it needs."""
    view = builder.stopped()
    narrow = BY_ID["cpus"].render(view, Window(44, 20))
    assert any("…" in text for row in narrow.lines for text, _ in row)

    async def story() -> None:
        async with screen(Still(view), (80, 24)) as hands:
            await hands.type("copy cpus")
            assert "…" not in hands.app.clipboard

    asyncio.run(story())


def test_the_screen_carries_out_every_word_that_is_its_own() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            assert set(hands.app.parts.dialogs.screen_words) == set(SCREEN_WORDS)

    asyncio.run(story())


def test_what_is_more_than_a_clipboard_takes_is_said(tmp_path: Path) -> None:
    async def story() -> None:
        lines = "".join(f"{number:080}\n" for number in range(1_500))
        view = replace(builder.stopped(), serial=lines)
        async with screen(Still(view), (120, 40)) as hands:
            await hands.type("copy cpus")
            before = hands.app.clipboard
            await hands.type("copy serial")
            assert "1,500 lines of Serial are more than" in hands.row(-2)
            assert hands.app.clipboard == before
            hands.app.parts.arranging.show_panel("serial")
            await hands.type(f"write {tmp_path / 'serial.txt'}")
            assert (tmp_path / "serial.txt").read_text() == lines

    asyncio.run(story())
