"""The NPT panel shows what the launch measured, and who read a page first is one click."""

from emu import Session, open_session
from tui.panels import BY_ID
from tui.panels.base import Page, Window
from tui.text import plain


def shown(session: Session, where: str) -> Page:
    session.do(f"npt {where}")
    session.looks.wanted = frozenset({"nested"})
    return BY_ID["nested"].render(session.picture(), Window(110, 20))


def test_a_click_on_a_measured_page_says_who_read_it_first() -> None:
    session = open_session("samples/shim.igvm", platform="tdx", cpus=2)
    session.do("run 20000")
    rows = [plain(row) for row in shown(session, "").lines]
    assert any("private    measured" in row for row in rows)
    assert any("private    parameter" in row for row in rows)
    page = shown(session, "0xfffff000")
    row = next(i for i, one in enumerate(page.lines) if "read it first" in plain(one))
    assert "measured, by PAGE_DATA at 0x78a0" in plain(page.lines[row])
    (spot,) = (one for one in page.spots if one.row == row)
    assert spot.go == "first-reader gpa:0xfffff000"
    assert "first read at +0x" in session.do(spot.go).reply[0]


def test_without_an_igvm_file_nothing_of_it_is_shown() -> None:
    session = open_session(platform="tdx", cpus=1)
    page = shown(session, "0xfffff000")
    assert not any("read it first" in plain(one) for one in page.lines)
