"""While the machine runs: looks are carried out, refusals stay, and what is old says so."""

import asyncio
import re

import pytest

from emu import open_session
from emu.debug.session import Session
from tests.tui.driving import SHIM, Hands, screen
from tui import runner

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are read after each stretch of the machine, however fast the host is: so a boot
    takes some thousand looks at the keys."""
    monkeypatch.setattr(runner, "SLICE_SECONDS", 0.0)


def forever() -> Session:
    """A boot that goes on for as long as a test needs."""
    return open_session(str(SHIM), platform="vbs", cpus=64)


async def running(hands: Hands) -> None:
    """Begin to run, and be in the middle of it."""
    hands.tap("c")
    await hands.until(lambda: hands.seen.running and hands.seen.tick > 0)


async def typed(hands: Hands, text: str) -> None:
    """A command while the machine runs."""
    hands.tap(":", *text)
    await hands.until(lambda: hands.app.desk.prompt.edit.text == text)
    hands.tap("enter")
    await hands.until(lambda: not hands.app.parts.dialogs.asking or "!" in hands.row(-2))


def test_a_look_is_carried_out_and_the_run_goes_on() -> None:
    async def story() -> None:
        session = forever()
        async with screen(session) as hands:
            await running(hands)
            tick = hands.seen.tick
            await typed(hands, "print 40 + 2")
            assert hands.row(-2) == "40 + 2 = 0x2a 42" and session.running
            await hands.until(lambda: hands.seen.tick > tick or not session.running)
            assert hands.row(-2) == "40 + 2 = 0x2a 42", "progress waits until it has been read"
            hands.tap("escape")
            await hands.until(lambda: "M/s" in hands.row(-2))

    asyncio.run(story())


@pytest.mark.parametrize(
    ("order", "panel"),
    [("walk rip", "walk"), ("registers", "registers"), ("cpus", "cpus"), ("mem rsp", "memory"),
     ("findings", "findings"), ("events mailbox", "events"), ("list start_aps", "code")],
)  # fmt: skip
def test_the_panel_that_answers_a_look_shows_the_moment_of_the_look(
    order: str, panel: str
) -> None:
    async def story() -> None:
        session = forever()
        async with screen(session) as hands:
            await running(hands)
            await typed(hands, order)
            assert session.running and hands.frame.panel.id == panel
            if not hands.frame.panel.live:
                said = re.search(r"as of tick ([\d,]+)", hands.text)
                assert said and int(said[1].replace(",", "")) <= session.machine.board.tick

    asyncio.run(story())


def test_what_is_made_in_slices_comes_to_the_panel_that_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("emu.debug.session.SEARCH_SECONDS", 0.0)

    async def story() -> None:
        session = open_session(str(SHIM), platform="tdx", cpus=4)
        session.do("run")
        session.in_slices = True
        async with screen(session) as hands:
            await hands.type("profile")
            assert hands.frame.panel.id == "profile"

    asyncio.run(story())


def test_what_is_refused_is_said_and_stays_until_the_next_key() -> None:
    async def story() -> None:
        session = forever()
        async with screen(session) as hands:
            await running(hands)
            hands.tap("s")
            await hands.until(lambda: "! the machine is running" in hands.row(-2))
            tick = hands.seen.tick
            await hands.until(lambda: hands.seen.tick > tick)
            assert "! the machine is running: pause it first" in hands.row(-2)
            hands.tap("escape")
            await hands.until(lambda: "M/s" in hands.row(-2))
            await typed(hands, "goto 5")
            tick = hands.seen.tick
            await hands.until(lambda: hands.seen.tick > tick)
            assert "! the machine is running" in hands.row(-2)
            assert hands.row(-1) == ": goto 5", "it stays in the prompt, to be put right"

    asyncio.run(story())


def test_panels_that_do_not_follow_a_run_say_of_when_they_are_and_lose_their_colours() -> None:
    async def story() -> None:
        async with screen(forever()) as hands:
            code = next(f for f in hands.app.desk.frames.placed if f.panel.id == "code")
            assert "as of tick" not in hands.text
            await running(hands)
            await hands.until(lambda: "as of tick" in hands.text)
            first = re.findall(r"as of tick ([\d,]+)", hands.text)
            assert len(first) == 2, "Code and Registers"
            tick = hands.seen.tick
            await hands.until(lambda: hands.seen.tick > tick)
            assert re.findall(r"as of tick ([\d,]+)", hands.text) == first
            dim = code.looks["dim"]
            body = [
                one for y in range(1, 8) for one in code.render_line(y) if one.text.strip(" ║")
            ]
            assert body and all(
                one.style is not None and one.style.color == dim.color for one in body
            )
            hands.tap(" ")
            await hands.settle()
            assert "as of tick" not in hands.text

    asyncio.run(story())


def test_another_cpu_or_tab_is_drawn_as_it_is_then() -> None:
    async def story() -> None:
        session = forever()
        async with screen(session) as hands:
            await hands.type("until start_aps")
            await running(hands)
            hands.tap("tab")
            await hands.until(lambda: hands.frame.panel.id == "registers")
            hands.tap("]")
            await hands.until(lambda: "[Stack]" in hands.text)
            await hands.until(lambda: hands.text.count("as of tick") == 2)
            await hands.until(lambda: hands.seen.cpus[1].rip != 0 or not session.running)
            hands.tap(">")
            await hands.until(lambda: hands.seen.focus == 1)
            assert "cpu 1" in hands.text.split("Code")[1].splitlines()[0]

    asyncio.run(story())


def test_a_look_given_while_it_ran_is_still_told_when_it_has_stopped() -> None:
    async def story() -> None:
        session = open_session(str(SHIM), platform="vbs", cpus=16)
        async with screen(session) as hands:
            await running(hands)
            await typed(hands, "symbols a")
            assert session.running
            await hands.until(lambda: "[Answer]" in hands.text)
            await hands.settle()
            assert "[Answer]" in hands.text
            await hands.press("S")
            await hands.settle()
            assert "[Answer]" not in hands.text

    asyncio.run(story())


def test_the_machine_comes_to_the_same_end_however_often_it_is_looked_at() -> None:
    plain = open_session(str(SHIM), platform="vbs", cpus=8)
    plain.do("run")

    async def story() -> None:
        session = open_session(str(SHIM), platform="vbs", cpus=8)
        async with screen(session) as hands:
            await running(hands)
            for text in ("cpus", "walk rip", "mem gpa:0x8000000", "waits", "npt", "cpu 3"):
                hands.tap(":", *text, "enter", "escape", "]", ">", "down")
            await hands.settle()
            assert session.digest() == plain.digest()
            assert list(session.timeline.branches) == ["main"]

    asyncio.run(story())
