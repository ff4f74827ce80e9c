"""The app as people use it: keys in, text out, on a real session and on still pictures."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.tui import builder
from tests.tui.driving import boot, screen
from tests.tui.still_door import Still
from tui import layout

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def drive(story: Coroutine[Any, Any, None]) -> None:
    """Run one story to its end."""
    asyncio.run(story)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 50)])
@pytest.mark.parametrize("name", builder.VIEWS)
def test_the_screen_reads_as_it_did(
    name: str, size: tuple[int, int], golden: Callable[[str, str], None]
) -> None:
    async def story() -> None:
        async with screen(Still(builder.VIEWS[name]()), size) as hands:
            golden(f"screen-{name}-{size[0]}x{size[1]}", hands.text)

    drive(story())


def test_s_steps_the_selected_cpu_once() -> None:
    async def story() -> None:
        async with screen(boot()) as hands:
            await hands.press("s")
            await hands.settle()
            assert hands.seen.tick == 1
            assert "STOPPED  cpu 0 stepped" in hands.row(0)

    drive(story())


def test_a_number_before_s_is_a_count_and_enter_repeats_it() -> None:
    async def story() -> None:
        async with screen(boot()) as hands:
            await hands.press("2", "0", "s")
            await hands.settle()
            assert hands.seen.tick == 20
            await hands.press("enter")
            await hands.settle()
            assert hands.seen.tick == 40

    drive(story())


@pytest.mark.breadth
def test_a_number_alone_selects_a_cpu_at_once_with_enter_and_else_after_a_moment() -> None:
    async def story() -> None:
        async with screen(Still(builder.crowd())) as hands:
            await hands.press("5", "1", "2", "enter")
            assert hands.seen.focus == 512
            await hands.press("7")
            await hands.until(lambda: hands.seen.focus == 7)
            await hands.press("<")
            assert hands.seen.focus == 6
            await hands.press(">", ">")
            assert hands.seen.focus == 8

    drive(story())


def test_a_row_of_many_cpus_is_pointed_at_and_opened_and_one_cpu_is_selected() -> None:
    async def story() -> None:
        session = Still(builder.crowd())
        async with screen(session) as hands:
            hands.app.desk.frames.turn_to("cpus")
            await hands.press("up")
            assert (hands.seen.focus, session.begun) == (700, [])
            await hands.press("enter")
            assert session.begun == ["cpus open 100"]
            await hands.press("down", "down")
            assert hands.seen.focus == 0
            await hands.press("exclamation_mark", "o")
            assert session.begun[1:] == ["unwell", "cpus as map"]

    drive(story())


@pytest.mark.breadth
def test_the_function_keys_step_step_over_and_set_breakpoints() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session) as hands:
            await hands.press("f7", "f8", "f9", "n", "c", "f")
            assert session.begun == ["step", "next", "run", "next", "run", "finish"]
            await hands.press("b", *"mailbox_ack", "enter")
            await hands.press("u", *"mailbox_ack", "enter")
            await hands.press("R")
            assert session.begun[6:] == ["break mailbox_ack", "until mailbox_ack", "reset"]

    drive(story())


def test_a_breakpoint_stops_the_right_cpu_and_the_status_says_so() -> None:
    async def story() -> None:
        async with screen(boot()) as hands:
            await hands.type("break mailbox_ack")
            await hands.press("c")
            await hands.settle()
            assert "cpu 1: break 1 at mailbox_ack" in hands.row(0)
            assert hands.seen.focus == 1
            assert "▸b" in hands.text

    drive(story())


def test_a_long_run_answers_keys_and_space_pauses_it() -> None:
    async def story() -> None:
        async with screen(boot(16)) as hands:
            await hands.press("tab")
            hands.tap("c")
            await hands.until(lambda: "RUNNING" in hands.row(0))
            hands.tap("]")
            await hands.until(lambda: "[Stack]" in hands.text)
            hands.tap(" ")
            await hands.settle()
            assert "STOPPED  paused" in hands.row(0)
            assert hands.seen.outcome is None
            hands.tap("c")
            await hands.until(lambda: hands.seen.outcome is not None)
            assert "BOOTED" in hands.row(0)

    drive(story())


def test_ctrl_c_pauses_and_never_quits() -> None:
    async def story() -> None:
        async with screen(boot(16)) as hands:
            hands.tap("c")
            await hands.until(lambda: hands.seen.running)
            hands.tap("ctrl+c")
            await hands.settle()
            assert "STOPPED  paused" in hands.row(0)
            await hands.press("ctrl+c")
            assert "q quits" in hands.row(-2)

    drive(story())


def test_a_cpu_that_cannot_step_says_why() -> None:
    async def story() -> None:
        async with screen(boot()) as hands:
            await hands.press("1", "enter", "s")
            assert "! cpu 1 cannot step: nobody has started it" in hands.row(-2)
            assert hands.seen.tick == 0

    drive(story())


@pytest.mark.breadth
def test_a_refused_command_stays_in_the_prompt_to_be_put_right() -> None:
    async def story() -> None:
        async with screen(boot()) as hands:
            await hands.press(":", *"until nowhere", "enter")
            assert hands.row(-1) == ": until nowhere"
            assert "! nowhere: no symbol" in hands.row(-2)
            await hands.press("escape")
            assert "s Step" in hands.row(-1)
            await hands.press(":", "up")
            assert hands.row(-1) == ": until nowhere"

    drive(story())


def test_the_prompt_completes_words_and_explains_them() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            await hands.press(":", *"bre", "tab")
            assert hands.row(-1).startswith(": break")
            assert "Stop where a CPU gets" in hands.row(-2)
            await hands.press("space", *"seco", "tab")
            assert hands.row(-1) == ": break secondary_idle"

    drive(story())


def test_an_empty_prompt_repeats_the_last_step() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session) as hands:
            await hands.press("s", ":", "enter")
            assert session.begun == ["step", "step"] and not hands.row(-1).startswith(":")

    drive(story())


def test_keys_of_the_machine_do_nothing_while_a_command_is_typed() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session) as hands:
            await hands.press(":", *"s", "f7", "ctrl+s", "c")
            assert session.begun == []
            assert hands.row(-1).startswith(": sc")

    drive(story())


def test_what_is_typed_ahead_never_mixes_with_the_command_before_it() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session) as hands:
            hands.tap(":", *"step 5", "enter", "s", "n", ":", *"ru", "tab", "left", "x")
            hands.tap("backspace", "enter", "c")
            await hands.until(lambda: len(session.begun) == 5)
            assert session.begun == ["step 5", "step", "next", "run", "run"]

    drive(story())


def test_a_long_answer_shows_its_tab_until_the_next_command() -> None:
    async def story() -> None:
        async with screen(boot(), (80, 24)) as hands:
            await hands.type("rules")
            assert "[Answer]" in hands.text and "[Code]" not in hands.text
            await hands.press("s")
            await hands.settle()
            assert "[Code]" in hands.text

    drive(story())


def test_a_question_mark_explains_the_panel_in_focus_and_esc_closes() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            await hands.press("?")
            assert "The code of the selected CPU" in hands.text
            await hands.press("escape")
            assert "The code of the selected CPU" not in hands.text
            await hands.press("]", "f1")
            assert "The registers of the selected CPU" in hands.text

    drive(story())


def test_q_closes_the_help_and_only_then_quits() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            await hands.press("?", "q")
            assert "The code of the selected CPU" not in hands.text and hands.app.is_running
            await hands.press("?", "s")
            assert "The code of the selected CPU" in hands.text and hands.session.begun == []
            await hands.press("ctrl+q")
            assert not hands.app.is_running

    drive(story())


@pytest.mark.breadth
def test_the_palette_finds_actions_cpus_and_names() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session) as hands:
            await hands.press("ctrl+p", *"to secondary_st")
            await hands.until(lambda: "Run to secondary_start" in hands.text)
            await hands.press("enter")
            await hands.until(lambda: bool(session.begun))
            assert session.begun == ["until secondary_start"]
            await hands.press("ctrl+p", *"cpu 3")
            await hands.until(lambda: "Select cpu 3" in hands.text)
            await hands.press("enter")
            await hands.until(lambda: hands.seen.focus == 3)

    drive(story())


def test_tabs_and_zoom_reach_every_panel() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            await hands.press("]", "right")
            assert "[Stack]" in hands.text
            await hands.press("z")
            assert "CPUs" not in hands.text
            await hands.press("z", "[", "left")
            assert "[Code]" in hands.text and "CPUs" in hands.text
            await hands.press("tab")
            assert "═ Events" in hands.text

    drive(story())


def test_a_key_shows_the_stack_and_another_steps_by_line() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session, (80, 24)) as hands:
            await hands.press("K")
            assert "[Stack]" in hands.text
            assert "returns to secondary_main+0x20" in hands.text
            await hands.press("l")
            await hands.until(lambda: bool(session.begun))
            assert session.begun == ["step line"]

    drive(story())


def test_a_click_selects_a_cpu_and_a_tab() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            for focus in (2, 0):  # the first one only gives the panel the keys
                await hands.pilot.click("#cpus", offset=(6, 1))
                await hands.pilot.pause()
                assert hands.frame.panel.id == "cpus" and hands.seen.focus == focus
            await hands.pilot.click("#main", offset=(12, 0))
            await hands.pilot.pause()
            assert "[Regs]" in hands.text

    drive(story())


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (39, 30), (100, 9)])
def test_a_terminal_that_is_too_small_says_so(size: tuple[int, int]) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), size) as hands:
            await hands.press("s", "?", "escape", "c")
            if size[0] > 10:
                assert "apdbg needs" in hands.text
            await hands.pilot.resize_terminal(80, 24)
            await hands.pilot.pause()
            assert "[Code]" in hands.text

    drive(story())


def test_places_never_overlap_and_fill_the_stage() -> None:
    for width in range(layout.WIDTH_MIN, 240, 7):
        for height in range(layout.HEIGHT_MIN - layout.BARS, 90):
            for cpus in (1, 4, 1_024):
                places = layout.arrange(width, height, cpus)
                cells = [
                    (x, y)
                    for place in places
                    for x in (place.x, place.x + place.width - 1)
                    for y in range(place.y, place.y + place.height)
                ]
                areas = sum(p.width * p.height for p in places)
                assert len(cells) == len(set(cells))
                assert areas == width * height
                assert all(p.height >= 2 for p in places if p.chrome != "bare")
                assert all(p.height >= 5 for p in places if p.chrome == "box")
