"""A boot that fails opens its finding, once; `.` goes from one to the next."""

import asyncio

import pytest
from msgspec.structs import replace

from emu import open_session
from emu.picture.view import MachineView
from tests.tui import builder
from tests.tui.driving import SHIM, boot, screen
from tests.tui.still_door import Still
from tests.tui.terminal import Terminal
from tui.trail import Trail, has_failed, told

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")
GALLERY = SHIM.parent / "gallery"
BROKEN = str(GALLERY / "ack-before-vector.elf")
SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
def test_a_failed_boot_opens_its_first_finding(size: tuple[int, int]) -> None:
    async def story() -> None:
        session = open_session(BROKEN)
        async with screen(session, size) as hands:
            await hands.press("c")
            await hands.settle()
            first = hands.seen.findings.rows[0]
            assert first.severity == "error"
            assert hands.frame.panel.id == "findings"
            spot = hands.frame.spot
            assert spot is not None and spot.go == f"goto {first.tick} cpu {first.cpu}"
            await hands.press("enter")
            await hands.settle()
            assert (hands.seen.tick, hands.seen.focus) == (first.tick, first.cpu)

    asyncio.run(story())


def test_backspace_returns_and_it_is_not_opened_again() -> None:
    async def story() -> None:
        async with screen(open_session(BROKEN)) as hands:
            await hands.press("c")
            await hands.settle()
            await hands.press("backspace")
            assert hands.frame.panel.id == "code"
            await hands.press("S")
            await hands.settle()
            await hands.press("c")
            await hands.settle()
            assert hands.seen.outcome is not None and hands.frame.panel.id == "code"

    asyncio.run(story())


def test_another_branch_that_fails_opens_it_again() -> None:
    async def story() -> None:
        async with screen(open_session(BROKEN)) as hands:
            await hands.press("c")
            await hands.settle()
            await hands.press("backspace", "R")
            await hands.settle()
            await hands.press("c")
            await hands.settle()
            assert hands.frame.panel.id == "findings"

    asyncio.run(story())


def test_it_is_not_opened_while_somebody_types() -> None:
    async def story() -> None:
        async with screen(open_session(BROKEN)) as hands:
            hands.tap("c", ":", "w")
            await hands.until(lambda: hands.seen.outcome is not None)
            await hands.settle()
            assert hands.frame.panel.id == "code" and hands.row(-1).startswith(": w")

    asyncio.run(story())


def test_a_healthy_boot_opens_nothing() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.press("c")
            await hands.settle()
            assert hands.seen.outcome == "booted" and hands.frame.panel.id == "code"
            await hands.press(".")
            assert "there is no finding" in hands.row(-2)

    asyncio.run(story())


def test_the_next_finding_is_gone_to_round_the_end_and_back() -> None:
    async def story() -> None:
        async with screen(open_session(BROKEN)) as hands:
            await hands.press("c")
            await hands.settle()
            every = told(hands.seen.findings.rows)
            assert len(every) > 1
            for one in (*every, every[0]):
                await hands.press(".")
                await hands.settle()
                assert hands.seen.tick == one.tick
                assert one.cpu is None or hands.seen.focus == one.cpu
                assert one.rule in hands.row(-2)
            await hands.press("comma")
            await hands.settle()
            assert hands.seen.tick == every[-1].tick

    asyncio.run(story())


def test_a_click_on_the_status_line_shows_the_findings() -> None:
    async def story() -> None:
        async with screen(Still(builder.broken())) as hands:
            await hands.pilot.click("#status", offset=(5, 0))
            await hands.pilot.pause()
            assert hands.frame.panel.id == "findings" and hands.frame.spot is not None

    asyncio.run(story())


def ended(**changes: object) -> MachineView:
    """A view at the end of a boot that broke rules."""
    view = builder.broken()
    return replace(view, tick=view.timeline.end, **changes)


def test_what_counts_as_a_failure() -> None:
    hints = replace(builder.broken().findings.rows[0], severity="hint")
    some = replace(builder.broken().findings, rows=(hints,))
    assert has_failed(ended(outcome="booted")), "it broke a rule that counts"
    assert has_failed(ended(outcome="hung"))
    assert not has_failed(ended(outcome=None))
    assert not has_failed(ended(outcome="stopped"))
    assert not has_failed(ended(outcome="hung", findings=some)), "a hint is no reason"
    assert not has_failed(replace(ended(outcome="hung"), tick=5))


def test_the_trail_knows_what_the_past_does_not_show() -> None:
    trail, view = Trail(), ended(outcome="hung")
    trail.note(view)
    first = trail.step(view, 1)
    assert first is not None
    past = replace(
        view,
        tick=first.tick,
        focus=first.cpu or 0,
        findings=replace(view.findings, rows=view.findings.rows[:1]),
    )
    trail.note(past)
    second = trail.step(past, 1)
    assert second is not None and second != first
    assert trail.step(past, 1) == second, "whoever stands at the first goes on from there"
    elsewhere = replace(past, tick=first.tick + 1)
    assert trail.step(elsewhere, 1) == first, "from elsewhere it begins again"


def test_in_a_real_terminal() -> None:
    with Terminal(BROKEN) as terminal:
        terminal.wait_for("STOPPED")
        terminal.press("c")
        terminal.wait_for("look at")
        terminal.press("\r")
        terminal.wait_for("PAST")
        terminal.press(".")
        terminal.wait_for("finding 2 of 3")
        terminal.press("q")
        assert terminal.leave() == 0
