"""A click in a panel without the keys only gives them to it; answers take the keys; Backspace
goes back to where one was."""

import asyncio

import pytest

from emu import open_session
from tests.tui import builder
from tests.tui.driving import SHIM, boot, screen
from tests.tui.still_door import Still

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")


def test_the_first_click_gives_the_keys_and_the_second_acts() -> None:
    async def story() -> None:
        session = Still(builder.broken())
        async with screen(session) as hands:
            hands.app.parts.arranging.show_panel("findings")
            hands.app.desk.frames.turn_to("code")
            await hands.pilot.pause()
            await hands.pilot.click("#log", offset=(20, 2))
            await hands.pilot.pause()
            assert hands.frame.panel.id == "findings" and session.begun == []
            spot = hands.frame.spot
            assert spot is not None, "the row is pointed at, so that one sees what is next"
            await hands.pilot.click("#log", offset=(20, 2))
            await hands.pilot.pause()
            assert session.begun == [spot.go]

    asyncio.run(story())


def test_a_double_click_acts_at_once() -> None:
    async def story() -> None:
        session = Still(builder.broken())
        async with screen(session) as hands:
            hands.app.parts.arranging.show_panel("findings")
            hands.app.desk.frames.turn_to("code")
            await hands.pilot.pause()
            await hands.pilot.double_click("#log", offset=(20, 2))
            await hands.pilot.pause()
            assert len(session.begun) == 1 and session.begun[0].startswith("goto ")

    asyncio.run(story())


def test_a_panel_that_got_the_keys_by_tab_acts_at_the_first_click() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            hands.app.desk.frames.turn_to("cpus")
            await hands.pilot.pause()
            assert hands.seen.focus == 2
            await hands.pilot.click("#cpus", offset=(6, 2))
            await hands.pilot.pause()
            assert hands.seen.focus == 0

    asyncio.run(story())


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
def test_the_panel_that_answers_has_the_keys_and_backspace_gives_them_back(
    size: tuple[int, int],
) -> None:
    async def story() -> None:
        async with screen(boot(2), size) as hands:
            await hands.type("until mailbox_ack")
            before = hands.frame.panel.id
            answered = []
            for order, panel in (("walk rip", "walk"), ("findings", "findings"),
                                 ("waits", "waits"), ("cpus", "cpus")):  # fmt: skip
                await hands.type(order)
                assert hands.frame.panel.id == panel, order
                answered.append(panel)
            for panel in (*reversed(answered[:-1]), before):
                await hands.press("backspace")
                assert hands.frame.panel.id == panel
            await hands.press("backspace")
            assert hands.seen.focus == 0, "before the run that stopped at CPU 1"
            await hands.press("backspace")
            assert "nothing to go back to" in hands.row(-2)

    asyncio.run(story())


def test_a_panel_is_gone_to_by_its_name_and_backspace_goes_back() -> None:
    async def story() -> None:
        async with screen(boot(), (120, 40)) as hands:
            before = hands.frame.panel.id
            await hands.type("panel regs")
            assert hands.frame.panel.id == "registers" and hands.row(-2) == ""
            await hands.press("backspace")
            assert hands.frame.panel.id == before
            await hands.type("show regz")
            assert hands.row(-2).startswith("! 'regz' is no panel: did you mean ")

    asyncio.run(story())


def test_backspace_brings_back_the_cpu_the_rows_and_the_cursor() -> None:
    async def story() -> None:
        session = open_session(str(SHIM), platform="vbs", cpus=4)
        async with screen(session) as hands:
            await hands.type("run")
            await hands.type("events")
            await hands.press("pageup", "pageup", "up", "up")
            top, spot, tick = hands.frame.page.top, hands.frame.spot, hands.seen.tick
            assert spot is not None and top < hands.frame.page.total - hands.frame.page.rows
            await hands.type("cpu 3")
            await hands.type("walk rip")
            await hands.press("2", "enter")
            assert (hands.seen.focus, hands.frame.panel.id) == (2, "walk")
            await hands.press("backspace")
            assert (hands.seen.focus, hands.frame.panel.id) == (3, "walk")
            await hands.press("backspace")
            assert (hands.seen.focus, hands.frame.panel.id) == (3, "events")
            await hands.press("backspace")
            assert (hands.seen.focus, hands.frame.panel.id) == (0, "events")
            assert (hands.frame.page.top, hands.frame.spot) == (top, spot)
            assert hands.seen.tick == tick, "the machine stays where it is"

    asyncio.run(story())


def test_backspace_returns_from_the_cpu_that_a_run_stopped_at() -> None:
    async def story() -> None:
        async with screen(boot(3)) as hands:
            await hands.type("break mailbox_ack")
            await hands.press("c")
            await hands.settle()
            assert hands.seen.focus == 1
            await hands.press("backspace")
            assert hands.seen.focus == 0 and hands.frame.panel.id == "code"

    asyncio.run(story())


def test_neighbours_are_no_places_to_go_back_to() -> None:
    async def story() -> None:
        async with screen(Still(builder.crowd(64, 7))) as hands:
            await hands.press("4", "0", "enter", ">", ">", "<", ">")
            assert hands.seen.focus == 42
            await hands.press("backspace")
            assert hands.seen.focus == 7

    asyncio.run(story())


def test_a_closed_panel_is_opened_again_by_the_way_back() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.type("walk rip")
            await hands.type("findings")
            hands.app.desk.frames.turn_to("walk")
            await hands.pilot.pause()
            await hands.press("X")
            assert not hands.app.desk.frames.has("walk")
            await hands.type("cpus")
            await hands.press("backspace", "backspace")
            assert hands.frame.panel.id == "walk"

    asyncio.run(story())


def test_a_long_answer_has_the_keys_until_the_command_after_it() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.type("symbols a")
            assert hands.frame.panel.id == "answer"
            await hands.press("pagedown")
            assert hands.frame.page.top > 0
            await hands.press("s")
            await hands.settle()
            assert hands.frame.panel.id == "code"

    asyncio.run(story())


def test_the_wheel_over_memory_leaves_the_keys_where_they_are() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.type("until shim_main")
            await hands.type("mem rsp")
            await hands.press("backspace")
            assert hands.frame.panel.id == "code"
            frame = next(f for f in hands.app.desk.frames.placed if f.panel.id == "memory")
            before = hands.session.looks.memory.where
            frame.scroll_rows(3)
            await hands.pilot.pause()
            await hands.settle()
            assert hands.frame.panel.id == "code"
            assert hands.session.looks.memory.where != before

    asyncio.run(story())


def test_the_way_back_is_no_longer_than_it_has_to_be() -> None:
    async def story() -> None:
        session = Still(builder.crowd(64, 7))
        async with screen(session) as hands:
            for cpu in range(300):
                hands.app.parts.orders.select_cpu(cpu % 2)
            assert len(hands.app.parts.way._left) == 100

    asyncio.run(story())
