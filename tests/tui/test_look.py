"""Rules of the look: borders, air, focus, and what a row says where there is little room."""

import asyncio

import pytest
from msgspec.structs import replace

from tests.tui import builder
from tests.tui.driving import Hands, boot, screen
from tests.tui.still_door import Still
from tui.panels.base import Window
from tui.panels.code import _within
from tui.panels.status import PANEL as STATUS
from tui.text import plain

DOUBLE, ROUND = "╔╗╚╝", "╭╮╰╯"


def cells(hands: Hands, slot: str) -> list[str]:
    """The rows of one frame as they are drawn."""
    frame = next(one for one in hands.app.desk.frames.placed if one.slot == slot)
    return [frame.render_line(y).text for y in range(frame.size.height)]


def test_the_focused_panel_alone_has_a_whole_double_border() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            for slot in ("main", "side", "time", "log"):
                assert [hands.text.count(one) for one in DOUBLE] == [1] * 4
                rows = cells(hands, slot)
                assert all(row[0] == row[-1] == "║" for row in rows[1:-1])
                assert set(rows[-1]) == set("╚═╝")
                await hands.press("tab")

    asyncio.run(story())


@pytest.mark.parametrize("size", [(100, 28), (120, 40), (200, 50)])
def test_from_100_columns_on_panels_have_borders(size: tuple[int, int]) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), size) as hands:
            frames = [one for one in hands.app.desk.frames.placed if one.slot != "ribbon"]
            assert hands.text.count("╭") == hands.text.count("╯") == len(frames) - 1

    asyncio.run(story())


@pytest.mark.parametrize("size", [(80, 24), (99, 60), (40, 12)])
def test_below_that_lines_part_them(size: tuple[int, int]) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), size) as hands:
            assert not [one for one in DOUBLE + ROUND if one in hands.text]
            assert "═" in hands.text, "the focused one's line is double"

    asyncio.run(story())


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 50)])
@pytest.mark.parametrize("name", builder.VIEWS)
def test_there_is_a_cell_of_air_at_both_sides(name: str, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with screen(Still(builder.VIEWS[name]()), size) as hands:
            for frame in hands.app.desk.frames.placed:
                inset = frame._inset
                rows = cells(hands, frame.slot)
                body = rows[inset.top : len(rows) - inset.bottom]
                assert {row[inset.left - 1] for row in body} == {" "}, frame.slot
                assert {row[-inset.right] for row in body} == {" "}, frame.slot

    asyncio.run(story())


def test_a_strip_is_above_all_and_a_panel_is_never_moved_there() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            hands.app.parts.arranging.show_panel("ribbon")
            await hands.press("W")
            assert "there is one place only" in hands.text
            await hands.press("M")
            assert hands.app.desk.frames.moves == {}

    asyncio.run(story())


def test_a_detail_loses_whole_parts() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            title = next(row for row in hands.text.splitlines() if "[Code]" in row)
            assert title.rstrip(" ═").endswith("cpu 2  long"), title

    asyncio.run(story())


@pytest.mark.parametrize("width", [60, 71, 72, 80, 99, 100, 118, 120, 200])
@pytest.mark.parametrize("name", builder.VIEWS)
def test_the_title_says_the_tick_and_the_past_at_every_width(name: str, width: int) -> None:
    view = builder.VIEWS[name]()
    past = replace(view, timeline=replace(view.timeline, end=view.tick + 7))
    for one in (view, past):
        row = plain(STATUS.render(one, Window(width, 1)).lines[0])
        assert len(row) == width
        assert f"tick {one.tick:,}" in row
    assert row.rstrip().endswith("◀ PAST")


def test_the_title_has_the_tick_at_the_right_and_the_end_of_what_is_known() -> None:
    view = builder.stopped()
    past = replace(view, timeline=replace(view.timeline, end=3_600_000))
    row = plain(STATUS.render(past, Window(120, 1)).lines[0])
    assert "shim.elf · tdx · 4 CPUs" in row
    assert row.rstrip().endswith("1.204 ms   tick 3,520,311 / 3,600,000   ◀ PAST")


def test_an_operand_is_named_where_it_stands_so_that_its_value_is_in_sight() -> None:
    text, note = "mov rax, qword ptr [rip + 0xbf]", "[secondary_cr3] = 0x87a6000"
    assert _within(text, note, 80) == (text, f"  {note}")
    assert _within(text, note, 36) == ("mov rax, [secondary_cr3]", " = 0x87a6000")
    compare = "cmp dword ptr [rip + 0xcd], 0"
    assert _within(compare, "[is_tdx] = 0x1", 40) == ("cmp dword ptr [is_tdx], 0", "  = 0x1")
    store = "mov word ptr [rbx], 0"
    assert _within(store, "[0xfffff000] = 0x1", 36) == (store, "  […] = 0x1")


def test_a_key_goes_back_by_a_column_of_the_timeline_as_wide_as_it_is() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.type("run")
            page = next(
                one.page for one in hands.app.desk.frames.placed if one.panel.id == "timeline"
            )
            ticks = [tick for tick in page.ticks if tick is not None]
            await hands.press("shift+left")
            await hands.settle()
            assert ticks[-2] <= hands.seen.tick < ticks[-1]

    asyncio.run(story())
