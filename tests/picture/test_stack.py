"""The Stack panel's rows are what memory and the frames say."""

import pytest

from emu import Session, open_session
from emu.picture.sections import StackView
from tests.guest import boot
from tui.panels.base import Window
from tui.panels.stack import render

CALLS = """
start:
    call work
    hlt
work:
    push rbx
    sub rsp, 0x200
    call deep
    add rsp, 0x200
    pop rbx
    ret
deep:
    push r12
    nop
here:
    pop r12
    ret
"""


def seen(session: Session) -> StackView:
    session.looks.wanted = frozenset({"stack"})
    found = session.view().sections.stack
    assert found is not None
    return found


def test_words_lie_between_the_heads_of_their_frames() -> None:
    session = boot(CALLS)
    session.do("until here")
    view = seen(session)
    heads = [row for row in view.rows if row.what == "head"]
    assert [head.words.split()[0].partition("+")[0] for head in heads] == [
        "here",
        "work",
        "start",
    ]
    saved = [row.words for row in view.rows if row.what == "saved"]
    assert saved == ["r12 of the caller", "rbx of the caller"]
    back = [row.words for row in view.rows if row.what == "return"]
    assert back == ["returns to  work+0xd", "returns to  start+0x5"]
    assert [row.words for row in view.rows if row.what == "more"] == ["34 words more"]


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_every_word_is_what_memory_holds(platform: str) -> None:
    session = open_session(platform=platform, cpus=2)
    for place in ("print", "wake_cpu", "secondary_main"):
        session.do(f"until {place}")
        before = session.digest()
        rows = [row for row in seen(session).rows if row.value is not None]
        assert rows
        for row in rows:
            data = session.memory(f"{row.address:#x}", 8)
            assert row.value == int.from_bytes(bytes(b or 0 for b in data), "little")
        assert session.digest() == before


def test_it_is_made_only_where_it_is_in_sight() -> None:
    session = open_session(platform="none", cpus=2)
    assert session.view().sections.stack is None


def test_a_cpu_that_has_not_started_has_none() -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("cpu 1")
    assert seen(session).rows == ()
    page = render(session.picture(), Window(60, 10))
    assert "has no stack yet" in "".join(text for line in page.lines for text, _ in line)


def test_enter_goes_to_a_frames_code_and_to_what_a_word_points_at() -> None:
    session = boot(CALLS)
    session.do("until here")
    seen(session)
    page = render(session.picture(), Window(60, 60))
    go = [spot.go for spot in page.spots]
    at = session.registers()
    assert go[0] == f"list {at['rip']:#x}"
    assert any(order.startswith("list ") for order in go[1:])
    for order in go:
        session.do(order)
    edit = next(spot.edit for spot in page.spots if spot.edit)
    session.do(edit.partition("=")[0] + "=0x77")
    assert int.from_bytes(bytes(b or 0 for b in session.memory("rsp", 8)), "little") == 0x77
