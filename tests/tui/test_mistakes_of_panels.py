"""A panel that cannot be drawn says so; the screen, the others and the bug report go on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from emu.inject.menu_view import InjectionMenu
from emu.picture.view import FindingView, MachineView
from tests.tui import builder
from tests.tui.driving import SHIM, boot, screen
from tests.tui.still_door import Still

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where bugs are written down."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "apdbg" / "bug.txt"


def strange() -> MachineView:
    """A view that no panel of findings can draw: a severity that there is not."""
    view = builder.broken()
    rows = tuple(
        FindingView(one.rule, "odd", one.cpu, one.tick, one.where, one.text, one.says,
                    one.source, one.follows, one.look_at)  # type: ignore[arg-type]
        for one in view.findings.rows
    )  # fmt: skip
    return replace(view, findings=replace(view.findings, rows=rows))


def test_a_panel_that_cannot_be_drawn_says_so_and_the_others_go_on(state: Path) -> None:
    async def story() -> None:
        door = Still(strange())
        async with screen(door, (200, 50)) as hands:
            hands.app.parts.arranging.show_panel("findings")
            await hands.pilot.pause()
            assert "Findings cannot be shown: this is a bug in apdbg: KeyError" in hands.text
            assert "mailbox" in hands.text.lower() and "Code" in hands.text
            await hands.press("down", "enter", "pagedown", "escape", "s", "[")
            assert "step" in door.begun
            assert "Findings cannot be shown" not in hands.text

    asyncio.run(story())
    assert "KeyError" in state.read_text()


class Blind(Still):
    """A door whose machine has nested tables that cannot be looked at."""

    trouble = "nested"

    def picture(self, focus: int | None = None) -> MachineView:
        """Fails wherever that part is wanted."""
        if self.trouble in self.looks.wanted:
            raise ZeroDivisionError("a level of no entries")
        return super().picture(focus)


def test_a_part_of_a_picture_that_cannot_be_made_leaves_the_others(state: Path) -> None:
    async def story() -> None:
        async with screen(Blind(builder.stopped())) as hands:
            hands.app.parts.arranging.show_panel("nested")
            await hands.pilot.pause()
            assert "NPT cannot be shown: this is a bug in apdbg:" in hands.text
            await hands.press("]")
            await hands.pilot.pause()
            assert "cannot be shown" not in hands.text
            await hands.press(">", ">")
            assert hands.seen.focus == 0

    asyncio.run(story())
    assert "a level of no entries" in state.read_text()


class Dark(Still):
    """A door that gives no picture at all any more once it was told to."""

    dark = False

    def begin(self, what: str) -> None:
        """`dark` and `light` say whether."""
        super().begin(what)
        self.dark = what == "dark"

    def picture(self, focus: int | None = None) -> MachineView:
        """Fails in the dark."""
        if self.dark:
            raise KeyError("nothing")
        return super().picture(focus)


def test_where_there_is_no_picture_the_last_one_stays_and_commands_still_work() -> None:
    async def story() -> None:
        async with screen(Dark(builder.stopped())) as hands:
            hands.tap(":", *"dark", "enter")
            await hands.until(lambda: "no picture of this moment" in hands.text)
            assert "Mailbox" in hands.text
            hands.tap(":", *"light", "enter")
            await hands.until(lambda: "no picture of this moment" not in hands.text)

    asyncio.run(story())


def test_a_key_whose_act_fails_ends_nothing(state: Path) -> None:
    async def story() -> None:
        async with screen(Dark(builder.stopped())) as hands:
            hands.app.desk.session.dark = True
            await hands.press("2", "enter")
            assert "this is a bug in apdbg" in hands.row(-2)
            hands.app.desk.session.dark = False
            await hands.press("2", "enter")
            assert hands.seen.focus == 2

    asyncio.run(story())
    assert state.exists()


def test_a_line_that_cannot_be_painted_leaves_the_others(state: Path) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            frame = hands.app.desk.frames.current
            odd: Any = (("odd", "no role"),)
            frame._sheet.page = replace(frame.page, lines=(odd, *frame.page.lines[1:]))
            frame.refresh()
            await hands.pilot.pause()
            assert "this is a bug in apdbg: KeyError" in hands.text
            assert hands.text.count("this is a bug") == 1 and "lfence" in hands.text
            await hands.press(">")
            assert "this is a bug" not in hands.text

    asyncio.run(story())
    assert state.exists()


class NoMenu(Still):
    """A door whose menu of injections cannot be made, which the prompt and `i` look at."""

    def menu(self) -> InjectionMenu:
        """Fails."""
        raise ZeroDivisionError("no kinds")


def test_typing_goes_on_where_what_is_typed_cannot_be_explained(state: Path) -> None:
    async def story() -> None:
        door = NoMenu(builder.stopped())
        async with screen(door) as hands:
            await hands.press("i")
            assert "this is a bug in apdbg: ZeroDivisionError" in hands.row(-2)
            hands.tap(":", *"step 3", "enter")
            await hands.until(lambda: door.begun == ["step 3"])

    asyncio.run(story())
    assert state.exists()


def test_a_strange_guest_is_drawn_in_every_panel() -> None:
    """Registers, tables and mailbox that no boot has: every panel draws them, or says why not,
    and nothing that was drawn is a bug."""

    async def story() -> None:
        async with screen(boot(2), (120, 40)) as hands:
            await hands.type("until mailbox_ack")
            for edit in (
                "set rsp=0xffffffffffffffff", "set rip=0x8000000000000000",
                "set mailbox.vector=0xffffffffffffffff", "set mailbox.command=0xffff",
                "set cr3=0xfffffffff000", "set gdtr=0xffffffffffffffff", "set efer=0",
            ):  # fmt: skip
                await hands.type(edit)
                await hands.press("escape")
                for panel in ("walk", "tables", "nested", "memory", "dtb", "registers", "waits",
                              "findings", "events", "exits", "serial"):  # fmt: skip
                    hands.app.parts.arranging.show_panel(panel)
                    await hands.pilot.pause()
                    assert "bug in apdbg" not in hands.text, (edit, panel)

    asyncio.run(story())
