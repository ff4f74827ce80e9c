"""The keys of the timeline, on a real machine."""

import asyncio
from pathlib import Path

import pytest

from emu import open_session
from tests.tui.driving import screen


@pytest.mark.breadth
def test_keys_go_back_and_on() -> None:
    async def story() -> None:
        session = open_session(platform="vbs", cpus=2)
        async with screen(session, (120, 40)) as hands:
            await hands.press("c")
            await hands.settle()
            end = session.machine.board.tick
            await hands.press("S")
            await hands.until(lambda: "PAST" in hands.row(0))
            assert session.machine.board.tick < end
            assert "PAST" in hands.row(0)
            back = session.machine.board.tick
            await hands.press("shift+left")
            assert session.machine.board.tick < back
            here = session.machine.board.tick
            await hands.press("left_curly_bracket")
            assert session.machine.board.tick in {
                t for t, _ in session.event_moments() if t < here
            }
            await hands.press("plus")
            first, last = session.looks.window or (0, 0)
            assert 0 < first <= session.machine.board.tick <= last <= end
            await hands.press("minus")
            assert session.looks.window is None
            await hands.press("g", *"mailbox_ack", "enter")
            assert session.machine.board.place(session.machine.board.cpus[1]) == "mailbox_ack"
            await hands.press("m", *"here", "enter", "g", *"end", "enter")
            assert session.machine.board.tick == end
            assert "BOOTED" in hands.row(0)
            await hands.press("g", *"here", "enter", "s")
            assert "PAST" in hands.row(0) and len(session.timeline.branches) == 1

    asyncio.run(story())


@pytest.mark.breadth
def test_a_click_goes_there_and_play_comes_back() -> None:
    async def story() -> None:
        session = open_session(platform="vbs", cpus=2)
        async with screen(session, (120, 40)) as hands:
            await hands.press("c")
            await hands.settle()
            end = session.machine.board.tick
            for _ in range(2):  # the first one only gives the panel the keys
                await hands.pilot.click("#time", offset=(112, 2))
                await hands.pilot.pause()
            there = session.machine.board.tick
            assert end // 2 < there < end
            await hands.press("p")
            await hands.until(lambda: session.machine.board.tick > there)
            await hands.until(lambda: session.machine.board.tick == end)

    asyncio.run(story())


def test_a_picture_of_the_screen_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        session = open_session(platform="none", cpus=1)
        async with screen(session, (80, 24)) as hands:
            monkeypatch.chdir(tmp_path)
            await hands.press("ctrl+s")
            assert "apdbg-0.svg: the screen as it is" in hands.text

    asyncio.run(story())
    assert (tmp_path / "apdbg-0.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_window_of_the_timeline_is_panned() -> None:
    async def story() -> None:
        async with screen(open_session(platform="vbs", cpus=2), (120, 40)) as hands:
            await hands.press("c")
            await hands.settle()
            await hands.press("(")
            assert "all of the timeline is shown" in hands.text
            await hands.press("+")
            first = hands.seen.timeline.first
            await hands.press("(")
            assert hands.seen.timeline.first < first
            await hands.press(")", ")", ")", ")")
            assert hands.seen.timeline.last >= hands.seen.timeline.end

    asyncio.run(story())


def test_r_begins_again_and_what_was_done_is_gone_back_to() -> None:
    async def story() -> None:
        session = open_session(platform="vbs", cpus=2)
        async with screen(session, (120, 40)) as hands:
            await hands.press("ctrl+r")
            await hands.type("until mailbox_ack")
            await hands.press("m", *"here", "enter", "c")
            await hands.settle()
            end = hands.seen.tick
            await hands.press("ctrl+r")
            assert hands.seen.tick == end, "Ctrl+R is for the history of the prompt"
            await hands.press("R")
            assert hands.seen.tick == 0 and "before the first instruction" in hands.row(0)
            assert "branch2 begins at power-on; main is all that was done" in hands.row(-2)
            await hands.press("c")
            await hands.settle()
            assert hands.seen.tick == end and "branch2 of 2 branches" in hands.text
            await hands.press("g", *"main", "enter", "g", *"here", "enter")
            assert 0 < hands.seen.tick < end and hands.seen.focus == 1

    asyncio.run(story())
