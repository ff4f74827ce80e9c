"""The Log panel: a line stands at the moment that finished it, in the present, the past and a
recording, and a row leads there."""

import asyncio
from pathlib import Path

import pytest

from emu import open_session
from emu.debug import recording
from emu.debug.opening import replay_session
from tests.tui.driving import screen


async def back_to_a_line(size: tuple[int, int]) -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("run")
    ticks = [e.tick for e in session.machine.board.logs.events if e.kind == "log"]
    async with screen(session, size) as hands:
        await hands.type("log")
        assert hands.frame.panel.id == "log"
        shown = hands.panel("log")
        assert "shim: 2 cpus, tdx" in shown and "shim: entering the kernel" in shown
        await hands.press("up", "up", "enter")
        await hands.until(lambda: hands.seen.tick == ticks[0])
        shown = hands.panel("log")
        assert "shim: 2 cpus, tdx" in shown and "entering" not in shown


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_a_row_leads_to_its_moment_and_the_past_has_no_later_lines(
    size: tuple[int, int],
) -> None:
    asyncio.run(back_to_a_line(size))


def test_a_recording_has_the_lines_again(tmp_path: Path) -> None:
    session = open_session(platform="tdx", cpus=2)
    with (tmp_path / "x").open("wb") as file:
        session.record(file)
        session.do("run")
        session.end_recording()
    again, _ = replay_session(recording.read(tmp_path / "x"))
    assert again.do("log").reply == session.do("log").reply
    assert again.do("log entering").reply[-1] == "1 line of the guest's own log"
