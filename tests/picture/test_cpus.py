"""The list of CPUs: who is alike, who comes first, what a look leaves, and in which order."""

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from emu import Session, open_session
from emu.errors import CommandError
from emu.picture import cpus
from emu.picture.sections import CpusLook
from emu.picture.view import CpuView
from tests.guest import boot
from tests.tui import builder
from tui.panels import BY_ID
from tui.panels.base import Window
from tui.panels.states import looks
from tui.text import plain

MANY = 1_024
SHUT = 700


@pytest.fixture(scope="module")
def booted() -> Session:
    """A boot of 1,024 CPUs in which one was shut down while it was parked."""
    session = open_session(cpus=MANY, platform="vbs")
    session.do("until kernel_start")
    session.do(f"inject stop {SHUT}")
    session.do("run")
    return session


@pytest.fixture
def crowd(booted: Session) -> Iterator[Session]:
    """The same with the look of before, and the first CPU in focus."""
    yield booted
    booted.do("cpus as list")
    booted.do("cpus 0")
    booted.do("cpus")
    booted.do("cpu 0")


def shown(session: Session, width: int = 80, height: int = 13) -> list[str]:
    page = BY_ID["cpus"].render(session.picture(), Window(width, height))
    return [plain(styled) for styled in page.lines]


def cpu(id: int, waits: str = "", symbol: str = "idle+0x8") -> CpuView:
    return replace(builder.cpu(id, "online", symbol, "kernel.c:97", waits))


# -- a boot of 1,024 CPUs ---------------------------------------------------------------------


def test_the_one_that_is_shut_down_is_in_the_first_row(crowd: Session) -> None:
    heading, first, *rest = shown(crowd)
    assert first.split()[0] == str(SHUT) and "shutdown" in first
    assert len(rest) <= 5, "1,022 CPUs that are online are one row"
    assert any("1022x" in row and "1-699, 701-1023" in row for row in shown(crowd, 200))
    assert heading.split()[0] == "#"


def test_cpus_that_wait_each_for_its_own_command_are_alike(crowd: Session) -> None:
    waits = {one.waits for one in crowd.cpus() if one.state == "online" and one.waits}
    assert len(waits) == MANY - 2, "each waits at an address of its own"
    assert any("[its own] == 1" in row for row in shown(crowd, 120))


def test_the_cpu_in_focus_keeps_its_own_row_wherever_it_is(crowd: Session) -> None:
    for focus in (1, 511, SHUT, MANY - 1):
        crowd.do(f"cpu {focus}")
        for height in (3, 5, 13):
            rows = shown(crowd, 80, height)
            assert any(row.startswith(f"▸ {focus:>4} ") for row in rows), (focus, height)


def test_a_group_is_opened_and_closed_by_what_its_row_is(crowd: Session) -> None:
    closed = BY_ID["cpus"].render(crowd.picture(), Window(80, 13))
    (spot,) = [one for one in closed.spots if one.go.startswith("cpus open")]
    crowd.do(spot.go)
    opened = BY_ID["cpus"].render(crowd.picture(), Window(80, 13))
    assert opened.total >= MANY and opened.rows == 12
    (spot,) = [one for one in opened.spots if one.go.startswith("cpus close")]
    crowd.do(spot.go)
    assert BY_ID["cpus"].render(crowd.picture(), Window(80, 13)).total == closed.total


def test_the_next_that_is_not_well_is_found_from_everywhere(crowd: Session) -> None:
    for focus in (0, SHUT - 1, SHUT, MANY - 1):
        crowd.do(f"cpu {focus}")
        (said,) = crowd.do("unwell").reply
        assert crowd.view().focus == SHUT
        assert said == f"cpu {SHUT} is shutdown: stops for ever"


def test_the_map_has_a_cell_for_each_cpu(crowd: Session) -> None:
    crowd.do("cpus as map")
    panel, seen = BY_ID["cpus"], set[str]()
    for top in (0, 6, 12, 99):
        page = panel.render(crowd.picture(), Window(80, 13, top))
        legend, *rows = [plain(styled) for styled in page.lines]
        assert "@ cpu 0 online" in legend and "✗ 1 shutdown" in legend
        for spot in page.spots:
            glyph = plain(page.lines[spot.row])[spot.start]
            number = int(spot.go.removeprefix("cpu "))
            assert glyph == ("@" if number == 0 else "✗" if number == SHUT else "●"), spot
            seen.add(spot.go)
        assert all(len(row) <= 80 for row in rows)
    assert len(seen) == MANY


def test_the_map_scrolls_to_the_cpu_in_focus(crowd: Session) -> None:
    crowd.do("cpus as map")
    for focus in (0, 500, MANY - 1):
        crowd.do(f"cpu {focus}")
        page = BY_ID["cpus"].render(crowd.picture(), Window(80, 8))
        assert sum(plain(styled).count("@") for styled in page.lines[1:]) == 1


def test_a_filter_says_what_it_hides_and_knows_no_case(crowd: Session) -> None:
    crowd.do("cpus SHUTDOWN")
    page = BY_ID["cpus"].render(crowd.picture(), Window(80, 13))
    assert "1 are 'SHUTDOWN', 1,023 hidden" in page.detail
    assert [spot.go for spot in page.spots] == [f"cpu {SHUT}"]
    crowd.do("cpus online 3-9")
    assert BY_ID["cpus"].render(crowd.picture(), Window(80, 13)).total == 7


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", lambda one: one.id),
        ("clock", lambda one: one.virtual_ns),
        ("ticks", lambda one: -one.ticks),
    ],
)
def test_a_list_is_sorted_by_what_is_asked_for(
    crowd: Session, key: str, value: Callable[[CpuView], int]
) -> None:
    reply = crowd.do(f"cpus 1-900 sort {key}").reply
    some = [one for one in crowd.cpus() if 1 <= one.id <= 900]
    wanted = [f"cpu {one.id} " for one in sorted(some, key=value)]
    assert [row[: len(words)] for row, words in zip(reply, wanted, strict=True)] == wanted
    page = BY_ID["cpus"].render(crowd.picture(), Window(80, 13))
    assert page.total == 900 and f"by {key}" in page.detail


def test_what_nobody_can_sort_by_is_refused(crowd: Session) -> None:
    with pytest.raises(CommandError, match="sort takes state, clock, ticks, place, id"):
        crowd.do("cpus sort colour")


# -- who is not well --------------------------------------------------------------------------


def test_all_are_well() -> None:
    session = open_session(cpus=4)
    session.do("run")
    assert session.do("unwell").reply == ("all 4 CPUs are well",)


def test_a_cpu_that_the_host_does_not_offer_is_seen_to_be_that() -> None:
    session = open_session(cpus=4)
    session.do("inject host-tree bad-reg")
    session.do("run")
    some = [one for one in session.cpus() if one.fate == "not offered"]
    assert some, "the tree names a CPU that is not there in the place of one that is"
    assert not any(one.unwell for one in some)
    assert {looks(one).word for one in some} == {"not offered"}
    assert {one.waits for one in some} == {"not listed in the host's tree"}


def test_a_cpu_that_nothing_can_wake_says_so() -> None:
    """SDM 2, HLT: with interrupts off, NMI, SMI and INIT alone end it."""
    session = boot("cpu0: sti\n hlt\ncpu1: cli\n hlt", cpus=2)
    session.do("run")
    assert [one.waits for one in session.cpus()] == [
        "an interrupt", "an NMI or INIT: interrupts are off",
    ]  # fmt: skip


# -- kinds ------------------------------------------------------------------------------------


def test_numbers_that_all_share_stay_and_others_are_its_own() -> None:
    some = [cpu(id, f"[{0x1000 + 64 * id:#x}] == 1") for id in range(1, 9)]
    (group,) = cpus.groups(some, focus=0)
    assert group.waits == "[its own] == 1" and group.ids == "1-8"


def test_another_function_another_state_and_another_wait_are_other_kinds() -> None:
    same = [cpu(id, "[0x10] == 1") for id in range(1, 4)]
    there = [cpu(id, "[0x10] == 1", "poll+0x2") for id in range(4, 7)]
    other = [cpu(id, "time") for id in range(7, 10)]
    stuck = [replace(cpu(id, "time"), fate="stuck") for id in range(10, 13)]
    found = cpus.groups([*same, *there, *other, *stuck], focus=0)
    assert [group.ids for group in found] == ["10-12", "1-3", "4-6", "7-9"]


def test_two_that_are_alike_have_rows_of_their_own() -> None:
    found = cpus.groups([cpu(1), cpu(2)], focus=0)
    assert [group.kind for group in found] == [None, None]


def test_few_cpus_stay_in_the_order_of_their_numbers() -> None:
    some = [cpu(1), replace(cpu(2), fate="dead"), cpu(3)]
    assert [row.ids for row in cpus.rows(some, CpusLook(), 1, 4)] == ["1", "2", "3"]
    by_state = cpus.kept(some, CpusLook(sort="state"))
    assert [one.id for one in by_state] == [2, 1, 3]
