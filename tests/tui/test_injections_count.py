"""Injections are what a person injected: no step, run, hold or edit is one."""

import asyncio

import pytest

from emu.debug import report
from tests.tui.driving import SHIM, boot, screen

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")


def test_a_step_and_a_run_inject_nothing() -> None:
    async def story() -> None:
        session = boot(2)
        async with screen(session, (200, 50)) as hands:
            await hands.press("s")
            await hands.type("step all 3")
            await hands.press("n")
            await hands.type("run 100")
            await hands.press("s")
            await hands.settle()
            assert any(one.text == "hand 0" for one in hands.seen.entries)
            assert "Injections 0" in hands.text
            hands.app.parts.arranging.show_panel("injections")
            await hands.pilot.pause()
            assert "[Injections 0]" in hands.text and "hand" not in hands.text
            assert "Nothing was done to this machine from outside." in hands.text
            assert report.injections(session.machine) == []

    asyncio.run(story())


def test_injections_are_counted_and_all_else_that_was_done_is_listed() -> None:
    async def story() -> None:
        async with screen(boot(2), (200, 50)) as hands:
            await hands.press("s")
            for text in ("inject skew 1 50us", "set rax=5", "hold 1", "inject skew 0 5us"):
                await hands.type(text)
            assert "[Injections 2]" in hands.text
            rows = [spot.edit for spot in hands.frame.page.spots]
            assert [row.split()[0] for row in rows] == ["inject", "set", "hold", "inject"]

    asyncio.run(story())
