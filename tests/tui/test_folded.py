"""What is too long for a row goes on in the next one: nothing is lost, and nothing is cut."""

from hypothesis import given
from hypothesis import strategies as st

from tests.tui import builder
from tests.tui.test_shorten import TEXTS
from tui.panels import BY_ID
from tui.panels.base import Window
from tui.text import line, plain, wrapped

ROLES = st.sampled_from(["plain", "name", "dim"])


@given(st.lists(st.tuples(TEXTS, ROLES), max_size=5), st.integers(8, 90), st.integers(0, 12))
def test_rows_have_all_that_a_line_has(pieces: list, width: int, indent: int) -> None:
    styled = line(*((f"{text} ", role) for text, role in pieces))
    rows = wrapped(styled, width, indent)
    assert all(len(plain(row)) <= width for row in rows)
    assert "".join("".join(map(plain, rows)).split()) == "".join(plain(styled).split())
    roles = {role for row in rows for text, role in row if text.strip()}
    assert roles == {role for text, role in styled if text.strip()}


def test_a_wait_is_whole_in_a_narrow_panel() -> None:
    for width in (33, 44, 80):
        page = BY_ID["waits"].render(builder.stopped(), Window(width, 12))
        text = " ".join(" ".join(map(plain, page.lines)).split())
        assert "cpu 3 waits for mailbox command == 1 at mailbox_wait+0x6" in text
        assert "now 0x1 last written by cpu 0 at tick 3,520,198" in text
        assert all(len(plain(row)) <= width for row in page.lines)
        assert len(page.spots) == 2
