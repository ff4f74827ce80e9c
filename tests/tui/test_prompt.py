"""What is typed, completed and explained, without a screen."""

from hypothesis import given
from hypothesis import strategies as st

from tests.tui import builder
from tests.tui.still_door import MENU, Still
from tui.line_editor import Edit
from tui.prompt import complete, explain, names

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
    found = names(Still(builder.stopped()).symbols())
    assert complete("bre", found, MENU) == "break"
    assert complete("break secondary_s", found, MENU) == "break secondary_start"
    assert complete("break ", found, MENU) is None
    assert complete("zzz", found, MENU) is None


def test_every_command_is_explained_while_it_is_typed() -> None:
    assert explain("b", MENU).startswith("Stop where")
    assert explain("reg", MENU) == "registers"
    assert explain("re", MENU).split()[:2] == ["reset", "registers"]
    assert "is no command" in explain("frobnicate", MENU)
    assert "step" in explain("", MENU)
