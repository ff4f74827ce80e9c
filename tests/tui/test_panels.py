"""Every panel as text: each view at each width, and what every panel promises."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emu import open_session
from emu.picture.cpus import kind_of
from emu.picture.log_views import LogLook, LogRow, LogView
from emu.picture.sections import CpusLook
from emu.picture.view import MachineView
from emu.texts.explanations import explanations
from tests.tui import builder
from tui.panels import BY_ID, PANELS
from tui.panels.base import Page, Panel, Window
from tui.panels.code import cpus_here
from tui.text import plain

HEIGHT = 14


def shown(page: Page) -> list[str]:
    """The lines of a page as text."""
    return [plain(styled) for styled in page.lines]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
@pytest.mark.parametrize("width", [44, 80, 120])
def test_every_panel_reads_as_it_did(
    panel: Panel, width: int, golden: Callable[[str, str], None]
) -> None:
    parts = []
    for name, build in builder.VIEWS.items():
        page = panel.render(build(), Window(width, HEIGHT))
        parts += [f"== {name} == {panel.title} == {page.detail}", *shown(page), ""]
    golden(f"{panel.id}-{width}", "\n".join(parts))


@pytest.mark.parametrize("width", [44, 80, 120])
def test_the_timeline_is_drawn_in_blocks_where_a_terminal_can(
    width: int, golden: Callable[[str, str], None]
) -> None:
    page = BY_ID["timeline"].render(builder.stopped(), Window(width, HEIGHT, blocks=True))
    golden(f"timeline-blocks-{width}", "\n".join(shown(page)))


@pytest.mark.parametrize("width", [44, 80, 120])
def test_so_is_the_waterfall(width: int, golden: Callable[[str, str], None]) -> None:
    page = BY_ID["profile"].render(builder.stopped(), Window(width, HEIGHT, blocks=True))
    golden(f"profile-blocks-{width}", "\n".join(shown(page)))


def test_a_timeline_in_letters_is_ascii_and_says_what_every_letter_means() -> None:
    for name, build in builder.VIEWS.items():
        rows = shown(BY_ID["timeline"].render(build(), Window(80, HEIGHT)))
        assert all(row.isascii() for row in rows), name
        if name != "before":
            drawn = set("".join(rows[1:-1])) - set("0123456789> .|=")
            told = set(rows[-1].split())
            assert drawn <= told, drawn - told


@settings(max_examples=150)
@given(
    panel=st.sampled_from(PANELS),
    view=st.sampled_from([build() for build in builder.VIEWS.values()]),
    width=st.integers(1, 200),
    height=st.integers(1, 60),
    top=st.one_of(st.none(), st.integers(-5, 2_000)),
)
def test_a_page_never_has_more_lines_than_its_window(
    panel: Panel, view: MachineView, width: int, height: int, top: int | None
) -> None:
    page = panel.render(view, Window(width, height, top))
    assert len(page.lines) <= height
    assert all(0 <= spot.row < len(page.lines) for spot in page.spots)
    assert all("\n" not in row and "\t" not in row for row in shown(page))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_every_panel_explains_itself(panel: Panel) -> None:
    own = explanations("panel", "en")[panel.id]
    assert len(f"{own.text} {own.more}".split()) > 20


def test_the_selected_cpu_is_visible_among_a_thousand() -> None:
    for focus in (0, 511, 1_023):
        page = BY_ID["cpus"].render(builder.crowd(focus=focus), Window(80, 12))
        assert any(row.startswith(f"▸ {focus:>4} ") for row in shown(page))


def test_the_rows_of_cpus_stay_while_the_selection_moves_inside_the_window() -> None:
    panel, view = BY_ID["cpus"], builder.crowd(focus=500)
    before = panel.render(view, Window(80, 12))
    after = panel.render(replace(view, focus=498), Window(80, 12, None, before.anchor))
    assert after.top == before.top


def test_the_state_of_a_cpu_is_a_word_and_a_letter() -> None:
    rows = shown(BY_ID["cpus"].render(builder.stopped(), Window(80, 8)))
    assert "↻ spinning" in rows[4] and "● online" in rows[2] and "▶ running" in rows[1]


def test_code_rows_stay_while_stepping_inside_the_window() -> None:
    panel, view = BY_ID["code"], builder.stopped()
    before = panel.render(replace(view, code=builder.code(3)), Window(80, 12))
    after = panel.render(
        replace(view, code=builder.code(4)), Window(80, 12, None, before.anchor)
    )
    texts = [[row[3:] for row in shown(page)] for page in (before, after)]
    assert texts[0] == texts[1]
    assert [row[0] == "▸" for row in shown(before)] != [row[0] == "▸" for row in shown(after)]


def test_the_current_instruction_is_visible_in_the_lowest_window() -> None:
    for height in (1, 2, 3, 5):
        rows = shown(BY_ID["code"].render(builder.stopped(), Window(80, height)))
        assert any(row.startswith("▸") for row in rows)


def test_other_cpus_stand_in_the_gutter() -> None:
    rows = shown(BY_ID["code"].render(builder.stopped(), Window(80, 30)))
    assert any(row[3:7].strip() == "3" and "movzx" in row for row in rows)
    assert cpus_here((1, 3)) == "1,3"
    assert cpus_here(tuple(range(1, 1_024)), 6) == "1+1022"


def test_changed_registers_are_marked_without_colour() -> None:
    rows = shown(BY_ID["registers"].render(builder.stopped(), Window(59, 30)))
    marked = [word for row in rows for word in row.split() if word.startswith("*")]
    assert marked == ["*84000a0", "*fffff14f", "*46"]


def test_leading_zeros_are_left_out_and_the_command_writes_them() -> None:
    rows = shown(BY_ID["registers"].render(builder.stopped(), Window(59, 30)))
    assert not [row for row in rows if "00000000_" in row or " 0000" in row]
    assert any("cr0     80000031" in row for row in rows)
    told = open_session(cpus=1).do("registers").reply
    assert any("0000000000000000" in row for row in told), told


def test_no_guest_text_can_move_the_screen() -> None:
    serial = "a\x1b[2Jb\tc\u0301\u6f22\u202e\r\n\x00"
    rows = shown(
        BY_ID["serial"].render(replace(builder.stopped(), serial=serial), Window(80, 5))
    )
    assert rows == ["a?[2Jb  c???", "?"]


def test_a_scrolled_log_stays_while_events_arrive() -> None:
    panel, view = BY_ID["events"], builder.stopped()
    before = panel.render(view, Window(80, 3, 2))
    more = (*builder.events(), builder.event(3_520_400, 1, "serial", "one more"))
    after = panel.render(replace(view, sections=builder.sections(more)), Window(80, 3, 2))
    assert shown(before) == shown(after)


def test_the_status_line_says_why_where_and_who() -> None:
    row = shown(BY_ID["status"].render(builder.stopped(), Window(120, 1)))[0]
    assert "STOPPED  cpu 2: break 1 at mailbox_wait+0xf" in row
    ended = shown(BY_ID["status"].render(builder.crashed(), Window(160, 1)))[0]
    assert "CRASHED  cpu 3 shut down: page fault writing 0x9fff8" in ended


def test_a_folded_row_is_opened_by_what_points_at_it_and_any_other_leads_to_its_moment() -> (
    None
):
    rows = (
        LogRow(7, 7, 0, "fault", "#PF", 900, 615), LogRow(901, 901, 0, "state", "halts", 901),
    )  # fmt: skip
    view = LogView(LogLook(), rows, 616, 616, 616)
    log = replace(builder.stopped().sections, log=view, exits=view)
    for name in ("events", "exits"):
        page = BY_ID[name].render(replace(builder.stopped(), sections=log), Window(80, 4))
        assert [spot.go for spot in page.spots] == [f"{name} unfold 7", "goto 901 cpu 0"]
        assert "> 615x #PF  to tick 900" in "".join(shown(page))


@pytest.mark.parametrize("width", [80, 120])
def test_cpus_read_as_they_did_however_many(
    width: int, golden: Callable[[str, str], None]
) -> None:
    parts = []
    for count in (4, 64, 1_024):
        view = builder.crowd(count, focus=count // 2)
        opened = kind_of(view.cpus[1])
        for name, look in {
            "list": CpusLook(), "map": CpusLook(shape="map"),
            "opened": CpusLook(open=frozenset({opened})), "by clock": CpusLook(sort="clock"),
            "filtered": CpusLook("FAILED"),
        }.items():  # fmt: skip
            page = BY_ID["cpus"].render(replace(view, cpus_look=look), Window(width, 13))
            parts += [f"== {count:,} cpus: {name} == {page.detail}", *shown(page), ""]
    golden(f"cpus-crowds-{width}", "\n".join(parts))
