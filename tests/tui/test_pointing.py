"""The cursor inside of panels, editing, searching, and moving panels about, for real."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from emu.errors import ApdbgError
from tests.tui import builder
from tests.tui.driving import SHIM, Hands, boot, screen
from tests.tui.still_door import Still
from tui import keymap, keys
from tui.app import ApdbgApp
from tui.kept import Kept, Memory
from tui.panels import PANELS

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")


def drive(story: Coroutine[Any, Any, None]) -> None:
    """Run one story to its end."""
    asyncio.run(story)


@pytest.mark.breadth
def test_every_panel_is_reached_by_its_command() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.type("until mailbox_ack")
            for order, title in (
                ("walk rip", "[Walk]"),
                ("tables", "[Tables]"),
                ("npt 0x8804000", "[NPT]"),
                ("mem rsp", "[Mem"),
                ("dtb diff", "[DTB]"),
                ("waits", "[Waits]"),
                ("exits tdcall", "[Exits]"),
                ("breakpoints", "[Breaks"),
                ("findings", "[Finds"),
                ("registers", "[Reg"),
                ("events milestone", "[Events]"),
            ):
                await hands.type(order)
                assert title in hands.text, order

    drive(story())


def test_a_breakpoint_is_set_at_the_cursor_and_by_a_click() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.press("down", "down", "f2")
            await hands.settle()
            (point,) = hands.seen.breakpoints
            assert point.address != hands.seen.cpus[0].rip
            await hands.press("f2")
            await hands.settle()
            assert hands.seen.breakpoints == ()
            spot = next(one for one in hands.frame.page.spots if one.stop)
            await hands.pilot.click("#main", offset=(2, spot.row + 1))
            await hands.settle()
            assert len(hands.seen.breakpoints) == 1

    drive(story())


@pytest.mark.breadth
def test_a_register_is_edited_in_place() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.type("registers")
            assert hands.frame.panel.id == "registers"
            await hands.press("down", "e")
            assert "set rax=" in hands.row(-1)
            await hands.press("ctrl+w", *"rax=0x1234", "enter")
            await hands.settle()
            assert next(r.value for r in hands.seen.registers if r.name == "rax") == 0x1234

    drive(story())


@pytest.mark.breadth
def test_enter_follows_the_cursor_and_repeats_without_one() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.type("until mailbox_ack")
            await hands.type("events")
            await hands.until(lambda: "[Events]" in hands.text)
            hands.app.desk.frames.turn_to("events")
            await hands.press("up", "up", "enter")
            await hands.settle()
            assert hands.seen.timeline.now < hands.seen.timeline.end
            await hands.press("s")
            await hands.settle()
            tick = hands.seen.tick
            await hands.press("enter")
            await hands.settle()
            assert hands.seen.tick == tick + 1

    drive(story())


@pytest.mark.breadth
def test_the_cursor_goes_on_beyond_the_page() -> None:
    async def story() -> None:
        async with screen(boot(4)) as hands:
            await hands.press("c")
            await hands.settle()
            hands.app.desk.frames.turn_to("events")
            await hands.pilot.pause()
            await hands.press(*["up"] * 30)
            frame = hands.frame
            assert frame.spot is not None
            assert int(frame.spot.key) == len(hands.session.machine.board.logs.events) - 30
            await hands.press(*["down"] * 29)
            assert int(frame.spot.key) == len(hands.session.machine.board.logs.events) - 1

    drive(story())


def test_memory_scrolls_on_through_the_space_and_marks_what_changed() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.type("until shim_main")
            await hands.type("mem rsp-16")
            hands.app.desk.frames.turn_to("memory")
            await hands.press("s")
            await hands.settle()
            await hands.type("step 20")
            assert "*" in "\n".join(hands.text.splitlines()[10:24])
            before = hands.session.looks.memory.where
            await hands.press("pagedown")
            await hands.settle()
            assert hands.session.looks.memory.where != before

    drive(story())


def test_slash_searches_the_panel_in_focus() -> None:
    async def story() -> None:
        async with screen(boot(4)) as hands:
            await hands.type("until mailbox_ack")
            hands.app.desk.frames.turn_to("cpus")
            await hands.press("/")
            assert hands.row(-1).startswith(": cpus")
            await hands.press(*"parked", "enter")
            await hands.settle()
            assert "2 are 'parked'" in hands.text

    drive(story())


def test_hold_first_and_lockstep_have_keys() -> None:
    async def story() -> None:
        async with screen(boot(3)) as hands:
            await hands.type("until kernel_start")
            await hands.type("cpu 1")
            await hands.press("H")
            await hands.settle()
            assert hands.seen.held == frozenset({1})
            await hands.press("H")
            await hands.settle()
            assert not hands.seen.held
            before = [cpu.ticks for cpu in hands.seen.cpus]
            await hands.press("3", "a")
            await hands.settle()
            after = [cpu.ticks for cpu in hands.seen.cpus]
            assert [b - a for a, b in zip(before, after, strict=True)] == [3, 3, 3]

    drive(story())


def test_panels_are_closed_moved_swapped_and_put_back() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            frames = hands.app.desk.frames
            frames.turn_to("walk")
            await hands.press("X")
            assert not frames.has("walk")
            frames.turn_to("tables")
            await hands.press("M")
            assert "tables" in frames.current.tabs and frames.current.slot != "side"
            hands.app.parts.arranging.show_panel("walk")
            await hands.pilot.pause()
            assert frames.has("walk")
            frames.turn_to("code")
            await hands.pilot.pause()
            await hands.press("X")
            assert "only panel of its place" in hands.text
            frames.turn_to("registers")
            await hands.pilot.pause()
            await hands.press("W")
            assert frames.current.panel.id == "registers"
            hands.app.parts.arranging.reset()
            await hands.pilot.pause()
            assert frames.moves == {}

    drive(story())


def test_what_a_session_leaves_is_there_in_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        memory = Memory(tmp_path, "a" * 64)
        app = ApdbgApp(boot(2), None, memory)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            hands = Hands(app, pilot)
            await hands.type("break mailbox_ack cpu 1 if rax == 1")
            await hands.type("npt")
            await hands.press("q")
        app = ApdbgApp(boot(2), None, memory)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            hands = Hands(app, pilot)
            assert "1 breakpoint is as in the last session" in hands.text
            assert hands.seen.breakpoints[0].rule == "if rax == 1"
            assert "[NPT]" in hands.text
            await hands.press(":", "up", "up")
            assert "break mailbox_ack" in hands.row(-1)

    drive(story())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"version": 99}', b'{"moves": {"walk": 3}}', b'{"history": ["\xff"]}'],
)
def test_a_broken_state_file_means_starting_afresh(tmp_path: Path, content: bytes) -> None:
    memory = Memory(tmp_path, "b" * 64)
    memory.path.write_bytes(content)
    assert memory.read() == Kept()


@pytest.mark.parametrize("preset", keymap.PRESETS)
def test_a_preset_gives_every_key_to_one_action_and_works(preset: str) -> None:
    table = keys.remapped(keymap.PRESETS[preset].keys)
    every = [key for one in table for key in one.keys]
    assert len(every) == len(set(every))
    assert {one.id for one in table} == {one.id for one in keys.KEYS}

    async def story() -> None:
        session = Still(builder.stopped())
        app = ApdbgApp(session, keymap.PRESETS[preset])
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            hands = Hands(app, pilot)
            step = next(one for one in table if one.id == "step")
            await hands.press(step.keys[0])
            assert session.begun == ["step"]

    drive(story())


def test_a_file_of_keys_is_read_and_explained_in_the_help(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('preset = "windbg"\n[keys]\nstep = "f3, t"\n')
    preset = keymap.read(str(file), tmp_path / "none")
    changes = preset.keys
    assert preset.words == "windbg"
    assert changes["step"] == ("f3", "t") and changes["next"][0] == "f10"
    shown = {one.id: one.shown for one in keys.remapped(changes)}
    assert shown["step"] == "F3 t" and shown["next"] == "F10 p"
    assert keymap.read(None, tmp_path / "none") == keymap.Preset()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("preset = 'emacs'", "'emacs' is none of gdb, windbg, vim"),
        ("[keys]\nfly = 'f1'", "there is no action 'fly'"),
        ("[keys]\nstep = 7", "7 is no text"),
        ("colour = 1", "'colour' is none of preset, keys"),
        ("[keys\n", "keys.toml"),
        ("[keys]\nstep = 'x'\nnext = 'x'", "x is given to step and to next"),
    ],
)
def test_a_wrong_file_of_keys_is_one_sentence_with_its_place(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(content)
    with pytest.raises(ApdbgError) as error:
        keymap.read(str(file), tmp_path)
    assert said in str(error.value) and "keys.toml" in str(error.value)


def test_every_command_of_a_panel_is_a_command() -> None:
    from emu.debug import language

    for panel in PANELS:
        assert all(word in language.BY_WORD for word in panel.words)
        assert not panel.filter or panel.filter.split()[0] in language.BY_WORD
