"""What goes wrong on the screen does not end it."""

import asyncio
from pathlib import Path

import pytest

from emu.errors import ApdbgError
from tests.tui.builder import stopped
from tests.tui.driving import boot, screen
from tests.tui.still_door import Still
from tui import keymap


class Failing(Still):
    """A door behind which a command meets a mistake of ours."""

    def begin(self, what: str) -> None:
        """`fail` fails as no command may."""
        super().begin(what)
        if what == "fail":
            raise ZeroDivisionError("by nobody\x1b[2J\ud800")


def test_a_command_that_meets_a_bug_is_told_and_written_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    async def story() -> None:
        door = Failing(stopped())
        async with screen(door) as hands:
            await hands.type("fail")
            assert "this is a bug in apdbg: ZeroDivisionError" in hands.text
            await hands.press("escape")
            await hands.type("step")
            assert door.begun == ["fail", "step"]

    asyncio.run(story())
    written = (tmp_path / "apdbg" / "bug.txt").read_text(encoding="utf-8")
    assert "ZeroDivisionError: by nobody\\x1b[2J\\ud800" in written


@pytest.mark.parametrize("word", ["q", "quit", "exit", "q!", "wq", ":q", ":q!"])
def test_the_words_for_leaving_leave(word: str) -> None:
    async def story() -> None:
        async with screen(Still(stopped())) as hands:
            await hands.press(":")
            hands.tap(*word)
            await hands.press("enter")
            assert hands.app._exit

    asyncio.run(story())


@pytest.mark.parametrize(
    "text",
    [
        'quit = ""\n"quit.now" = ""', 'step = "q, ctrl+q"', 'quit = "x"\nstep = "x"',
        'quit = "s"\n"quit.now" = ","\nstep = "s"',
    ],
)  # fmt: skip
def test_a_keymap_leaves_a_way_to_quit(tmp_path: Path, text: str) -> None:
    place = tmp_path / "keys.toml"
    place.write_text(f"[keys]\n{text}\n")
    with pytest.raises(ApdbgError, match=r"keys: (nothing is left that quits|\w+ is given to)"):
        keymap.read(str(place), tmp_path)


def test_a_keymap_may_move_the_way_to_quit(tmp_path: Path) -> None:
    place = tmp_path / "keys.toml"
    place.write_text('[keys]\nquit = "x"\nstep = "q"\n')
    assert keymap.read(str(place), tmp_path).keys == {"quit": ("x",), "step": ("q",)}


def test_going_back_on_a_cpu_that_never_started_is_a_sentence() -> None:
    async def story() -> None:
        async with screen(boot()) as hands:
            await hands.type("break mailbox_ack")
            await hands.press(">", "N")
            await hands.settle()
            assert "bug in apdbg" not in hands.text and not hands.app._exit
            assert hands.session.stop_words() == ["break mailbox_ack"]

    asyncio.run(story())
