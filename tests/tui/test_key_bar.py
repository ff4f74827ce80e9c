"""The key bar: help and quitting are always there, and what is done changes the rest."""

import asyncio

import pytest
from msgspec.structs import replace

from emu.picture.view import MachineView
from tests.tui import builder
from tests.tui.driving import boot, screen
from tests.tui.still_door import Still
from tests.tui.terminal import Terminal
from tui import keymap, keys
from tui.hints import BARS, cells, hints
from tui.situation import Situation
from tui.text import plain

VIEWS = [build() for build in builder.VIEWS.values()]
OVER = replace(
    builder.stopped(), outcome="booted", tick=builder.stopped().timeline.end
)  # fmt: skip


@pytest.mark.parametrize("preset", keymap.PRESETS)
@pytest.mark.parametrize("view", [*VIEWS, replace(VIEWS[0], running=True), OVER])
def test_help_and_quit_are_there_at_every_width(view: MachineView, preset: str) -> None:
    table = keys.remapped(keymap.PRESETS[preset].keys)
    before: list[str] = []
    for width in range(40, 260):
        found = hints(view, table, width)
        names = [key.id for *_, key in found]
        assert names[-2:] == ["help", "quit"]
        assert sum(map(cells, found)) <= width
        assert names[:-2][: len(before)] == before, "more room only adds"
        before = names[:-2]
    assert len(before) > 3


def test_the_bar_says_what_can_be_done_now() -> None:
    def shown(view: MachineView) -> str:
        return "  ".join(f"{key} {label}" for key, label, _ in hints(view, keys.KEYS, 80))

    assert shown(builder.stopped()).startswith("s Step  n Over  c Run  S Back  : Command")
    assert shown(replace(builder.stopped(), running=True)).startswith("space Pause")
    ended = shown(OVER)
    assert ended.startswith("S Back  C Run back  g Go to  R Again")
    assert "Step" not in ended
    broken = replace(builder.broken(), outcome="booted", tick=builder.broken().timeline.end)
    assert shown(broken).startswith(
        ". Finding  S Back  C Run back  g Go to  R Again  w Findings"
    )
    assert "Findings" not in ended, "there are none"


def test_every_action_of_a_bar_is_a_key_with_a_word_for_it() -> None:
    by_id = {key.id: key for key in keys.KEYS}
    for names in BARS.values():
        assert all(by_id[name].label for name in names)


def test_a_boot_that_ends_changes_the_bar_and_going_back_changes_it_again() -> None:
    async def story() -> None:
        async with screen(boot(), (80, 24)) as hands:
            assert hands.row(-1).startswith("s Step")
            await hands.press("c")
            await hands.settle()
            assert hands.row(-1).startswith("S Back  C Run back  g Go to  R Again")
            assert hands.row(-1).endswith("? Help  q Quit")
            await hands.press("S")
            await hands.settle()
            assert hands.row(-1).startswith("s Step")

    asyncio.run(story())


def test_a_click_on_a_hint_is_its_key() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session, (80, 24)) as hands:
            await hands.pilot.click("#keys", offset=(1, 0))
            await hands.pilot.pause()
            assert session.begun == ["step"]
            await hands.pilot.click("#keys", offset=(hands.text.splitlines()[-1].index("?"), 0))
            await hands.pilot.pause()
            assert "Esc closes" in hands.text

    asyncio.run(story())


def bar(view: MachineView, on: Situation, width: int = 80) -> str:
    """The hints in so many cells."""
    return "  ".join(f"{key} {label}" for key, label, _ in hints(view, keys.KEYS, width, on))


def test_each_situation_has_the_keys_that_do_something_in_it() -> None:
    view = builder.stopped()
    assert bar(view, Situation(number="2"), 100).startswith(
        "Enter CPU 2  s Step 2  n Over 2  S Back 2  N Back over 2  Esc Forget it"
    )
    assert "CPU" not in bar(view, Situation(number="20")), "there is none of that number"
    assert bar(view, Situation(enter="Go there", edits=True)).startswith(
        "Enter Go there  e Change  s Step"
    )
    assert "Rows" in bar(view, Situation(rows=True)) and "Rows" not in bar(view, Situation())
    assert bar(view, Situation(dialog=True)) == "Esc Close  ^Q Quit"
    assert bar(view, Situation(jumping=True)) == "Esc Stay  ? Help  q Quit"
    past = replace(view, tick=5)
    assert bar(past, Situation()).startswith("s Step  c Run  S Back  C Run back  g Go to")


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
@pytest.mark.parametrize("view", [builder.stopped(), replace(builder.stopped(), tick=5), OVER])
def test_the_bar_fills_the_width(view: MachineView, width: int) -> None:
    found = hints(view, keys.KEYS, width)
    assert width - sum(map(cells, found)) < 14, "another hint would have had room"

    async def story() -> None:
        async with screen(Still(view), (width, 24)) as hands:
            row = hands.text.splitlines()[-1]
            assert len(row) == width and row.endswith("? Help  q Quit ")

    asyncio.run(story())


def test_pointing_typing_and_dialogs_change_the_bar_and_it_comes_back() -> None:
    async def story() -> None:
        async with screen(Still(builder.broken()), (100, 30)) as hands:
            hands.app.desk.frames.turn_to("findings")
            await hands.press("g", "escape")
            before = hands.row(-1)
            assert "Down Rows" in before
            await hands.press("down")
            assert hands.row(-1).startswith("Enter Go there")
            await hands.press("escape")
            assert hands.row(-1) == before
            await hands.press("2")
            assert hands.row(-1).startswith("Enter CPU 2  s Step 2")
            await hands.press("escape")
            assert hands.row(-1) == before
            await hands.press("?")
            under = plain(hands.app.desk.bars[1].text).strip()
            assert under.startswith("Esc Close") and under.endswith("^Q Quit")
            await hands.press("escape")
            assert hands.row(-1) == before
            await hands.press("J")
            assert hands.row(-1).startswith("Esc Stay")
            await hands.press("escape")
            assert hands.row(-1) == before

    asyncio.run(story())


def test_the_bar_in_a_real_terminal() -> None:
    with Terminal("samples/shim.elf", size=(100, 30)) as terminal:
        terminal.wait_for("STOPPED")
        terminal.press("c")
        terminal.wait_for("R Again")
        terminal.press("S")
        terminal.wait_for("{ } Event")
        terminal.press("200000")
        terminal.wait_for("s Step 200000")
        terminal.press("\x1b")
        terminal.wait_for("{ } Event")
        terminal.press("q")
        assert terminal.leave() == 0
