"""The key bar: help and quitting are always there, and what is done changes the rest."""

import asyncio

import pytest
from msgspec.structs import replace

from emu.picture.view import MachineView
from tests.tui import builder
from tests.tui.driving import boot, screen
from tests.tui.still_door import Still
from tui import keymap, keys
from tui.key_bar import BARS, cells, hints

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
    assert shown(broken).startswith("w Findings  S Back")
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
