"""What is typed, completed and explained, without a screen."""

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import open_session
from emu.picture.known import Named
from tests.tui import builder
from tests.tui.driving import screen
from tests.tui.still_door import SYMBOLS, Still
from tui.completing import candidates, complete, explain, offered
from tui.line_editor import Edit
from tui.prompt import Search, names
from tui.sources import Sources

SOURCES = Sources(Still(builder.stopped()))
KEYS = (
    "backspace",
    "delete",
    "left",
    "right",
    "home",
    "end",
    "ctrl+w",
    "ctrl+u",
    "ctrl+k",
    "f5",
)


@given(st.lists(st.one_of(st.sampled_from(KEYS), st.text(max_size=3)), max_size=40))
def test_the_cursor_is_always_inside_the_line(typed: list[str]) -> None:
    edit = Edit()
    for word in typed:
        edit = edit.key(word) if word in KEYS else edit.insert(word)
        assert 0 <= edit.at <= len(edit.text)
        assert edit.text.isprintable()


def test_words_are_deleted_like_in_a_shell() -> None:
    edit = Edit.end("break mailbox_ack").key("ctrl+w")
    assert edit.text == "break "
    assert edit.key("ctrl+w").text == ""
    assert Edit("step 20", 5).key("ctrl+k").text == "step "


def test_commands_complete_first_and_names_after_them() -> None:
    assert names(Still(builder.stopped()).symbols()) == SYMBOLS
    assert complete("bre", SOURCES) == "break"
    assert complete("break secondary_s", SOURCES) == "break secondary_start"
    assert complete("break ", SOURCES) is None
    assert complete("zzz", SOURCES) is None
    assert complete("break", SOURCES) is None, "it is whole, though breakpoints begins so"
    assert "breakpoints" in [one.word for one in candidates("break", SOURCES)]


def test_every_command_is_explained_while_it_is_typed() -> None:
    assert explain("break", SOURCES).startswith("Stop where")
    assert explain("b", SOURCES).startswith("break: Stop where")
    assert explain("x/", SOURCES).startswith("x")
    assert explain("copy", SOURCES).startswith("copy [PANEL]: Copy all")
    assert explain("regis", SOURCES) == "registers"
    assert explain("re", SOURCES).split()[:2] == ["reset", "regions"]
    assert "is no command" in explain("frobnicate", SOURCES)
    assert "step" in explain("", SOURCES)


@pytest.fixture(scope="module")
def booted() -> Sources:
    """Of a boot that stands at a breakpoint, with a mark and a branch."""
    session = open_session(platform="tdx", cpus=3)
    for words in ("break mailbox_ack", "run", "mark here", "hold 2", "step", "goto end"):
        session.do(words)
    return Sources(session)


def offers(text: str, sources: Sources) -> dict[str, str]:
    """The candidates for a text, with what they are."""
    return {one.word: one.what for one in candidates(text, sources)}


@pytest.mark.parametrize(
    ("text", "word", "what"),
    [
        ("bre", "break", "Stop where"),
        ("wri", "write", "Write all of the panel"),
        ("inf", "info", "registers, breakpoints"),
        ("break mailbox_a", "mailbox_ack", "milestone: takes the wake-up"),
        ("b mailbox_a", "mailbox_ack", "milestone"),
        ("tbreak mailbox_a", "mailbox_ack", "milestone"),
        ("until park", "parked", "role: waits at the mailbox"),
        ("until smp", "smp.c:", "file"),
        ("break smp.c:7", "smp.c:70", ""),
        ("goto st", "start", "before the first instruction"),
        ("goto her", "here", "mark at tick"),
        ("goto mailbox_w", "mailbox_wait", "milestone at tick"),
        ("goto 1", "", "cpu "),
        ("diff mai", "main", "branch to tick"),
        ("delete ", "1", "mailbox_ack"),
        ("cpu ", "2", "parked"),
        ("!p", "!pte", "walk"),
        ("hold ", "1", ""),
        ("print mailbox.c", "mailbox.command", "field of the mailbox"),
        ("print $ra", "$rax", "register"),
        ("x/8gx rs", "rsp", "register"),
        ("last-writer rs", "rsp", "register"),
        ("copy reg", "registers", "Registers"),
        ("help cr", "cr0", ""),
        ("inject nm", "nmi", "non-maskable"),
        ("inject nmi ", "1", ""),
        ("inject nmi 2 a", "at", "when"),
        ("inject nmi 2 at mailbox_a", "mailbox_ack", "milestone"),
        ("walk rsp exe", "execute", "access"),
        ("findings own-v", "own-vector", "rule"),
    ],
)
def test_what_can_be_named_is_offered_with_what_it_is(
    booted: Sources, text: str, word: str, what: str
) -> None:
    found = offers(text, booted)
    word = word or next(iter(found))
    assert what in found[word]
    assert all(one.startswith(text.rpartition(" ")[2]) for one in found)


def test_files_are_offered_where_one_is_wanted(
    booted: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "boot.json").touch()
    (tmp_path / "bad\x1bname").touch()
    for command in ("save", "export", "write"):
        assert f"{tmp_path}/sub/" in offers(f"{command} {tmp_path}/", booted)
        assert offers(f"{command} {tmp_path}/sub/bo", booted) == {
            f"{tmp_path}/sub/boot.json": "file"
        }
    monkeypatch.chdir(tmp_path)
    assert offers("export su", booted) == {"sub/": "folder"}
    assert not offers("export /nowhere/x", booted)
    assert all(word.isprintable() for word in offers(f"save {tmp_path}/", booted))


def test_the_words_of_a_preset_are_completed_as_they_mean_there(booted: Sources) -> None:
    session = open_session(platform="none", cpus=1)
    session.looks.words = "windbg"
    sources = Sources(session)
    assert offers("x mailbox_a", sources)["mailbox_ack"].startswith("milestone")
    assert explain("p 3", sources).startswith("next: Like step")
    assert explain("p 3", booted).startswith("print: Show the value")


@given(text=st.text(max_size=30))
def test_any_text_can_be_completed_and_explained(text: str) -> None:
    for one in candidates(text, SOURCES):
        assert one.word.startswith(text.rpartition(" ")[2])
    assert explain(text, SOURCES)
    done = complete(text, SOURCES)
    assert done is None or (done.startswith(text) and done != text)


def test_what_is_offered_fits_one_line_and_counts_the_rest() -> None:
    few = offered((Named("a", "first"), Named("b", "")))
    assert few == "2: a (first)  b"
    many = offered(tuple(Named(f"word{n}", "what it is") for n in range(500)))
    assert many.startswith("500: word0 (what it is)") and many.endswith("more")


def test_a_search_goes_further_back_and_stays_at_the_earliest() -> None:
    history = ["break a", "step", "break b", "run", "break a"]
    assert Search("br").hit(history) == "break a"
    assert Search("br", 1).hit(history) == "break b"
    assert Search("br", 7).hit(history) == "break b"
    assert Search("zz").hit(history) is None


def test_ctrl_r_searches_the_history_backwards() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session, (80, 24)) as hands:
            for words in ("break mailbox_ack", "step 3", "break secondary_idle"):
                await hands.type(words)
            del session.begun[:]
            await hands.press(":", "ctrl+r", *"break")
            assert hands.row(-1) == "(search) break: break secondary_idle"
            await hands.press("ctrl+r")
            assert hands.row(-1) == "(search) break: break mailbox_ack"
            await hands.press("ctrl+r", "escape")
            assert hands.row(-1) == ":" and session.begun == []
            await hands.press("ctrl+r", *"stp")
            assert "nothing has it" in hands.row(-1)
            await hands.press("enter")
            assert "no earlier command has that" in hands.row(-2) and session.begun == []
            await hands.press("backspace", "backspace", *"tep", "enter")
            assert session.begun == ["step 3"]
            await hands.press(":", "ctrl+r", *"ack", "right", *" once")
            assert hands.row(-1) == ": break mailbox_ack once"

    asyncio.run(story())


def test_tab_brings_one_candidate_after_the_other_and_says_what_they_are() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (120, 40)) as hands:
            await hands.press(":", *"until mailbox_", "tab")
            assert hands.row(-1) == ": until mailbox_ack"
            assert "2: mailbox_ack (symbol)  mailbox_wait (symbol)" in hands.row(-2)
            await hands.press("tab")
            assert hands.row(-1) == ": until mailbox_wait"
            await hands.press("tab")
            assert hands.row(-1) == ": until mailbox_ack"
            await hands.press("space")
            assert "Run until any CPU reaches" in hands.row(-2)
            await hands.press("ctrl+u", *"cpu ", "tab")
            assert "2: 0 (running)  1 (parked)" in hands.row(-2)

    asyncio.run(story())


KEYS_OF_A_PROMPT = (
    "tab", "ctrl+r", "up", "down", "left", "right", "home", "end", "backspace", "delete",
    "ctrl+w", "ctrl+u", "escape", "enter", ":", "?", " ", "x", "/", "8", "b", "r", "e", "g",
    "~", "$", "i", "n", "[", "@", "\u00e9", "\u202e",
)  # fmt: skip


def test_random_keys_at_the_prompt_leave_the_screen_alive() -> None:
    async def story() -> None:
        dice = random.Random(14)
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            for _ in range(25):
                await hands.press(":")
                hands.tap(*dice.choices(KEYS_OF_A_PROMPT, k=12))
                await hands.pilot.pause()
                edit = hands.app.desk.prompt.edit
                assert 0 <= edit.at <= len(edit.text) and hands.app.is_running
                await hands.press("escape", "escape")
            assert hands.row(-1).startswith("s Step")

    asyncio.run(story())
