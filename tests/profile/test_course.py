"""Every clock is taken apart without a gap, from power-on to where it stands."""

from itertools import pairwise

import pytest

from emu.profile.course import Courses, Piece
from tests.guest import Guest, finish
from tests.machine.elsewhere import FOREVER, Place
from tests.machine.test_clocks import INJECTED, PLATFORMS

SLOWED = Place("vbs", ("slow 1 7 at secondary_online cpu 1",))


def whole(courses: Courses) -> None:
    """Every CPU's pieces join, and end where its clock stands."""
    for cpu in courses.board.cpus:
        pieces = courses.of(cpu.id)
        ends = [0, *(one.end_ps for one in pieces)]
        assert [one.begin_ps for one in pieces] == ends[:-1]
        assert ends[-1] == cpu.clock_ps
        assert sum(one.ticks for one in pieces) == cpu.ticks
        assert all(a.tick <= b.tick for a, b in pairwise(pieces))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_pieces_of_a_clock_join_and_end_where_it_stands(platform: str) -> None:
    driver = Place(platform, cpus=5).driver()
    driver.drive(FOREVER)
    whole(Courses(driver.machine))


@pytest.mark.parametrize("place", [*INJECTED, SLOWED], ids=lambda one: one.inject[0])
def test_so_they_do_with_injections(place: Place) -> None:
    driver = place.driver()
    driver.drive(FOREVER)
    whole(Courses(driver.machine))


def test_an_exit_stands_where_it_was_left_and_costs_its_price() -> None:
    driver = Guest("start: mov ecx, 10\n more: loop more\n rdtsc\n nop\n hlt").driver()
    board = finish(driver)
    ps = board.cpus[0].ps_per_instruction
    run, price, rest = Courses(driver.machine).of(0)[:3]
    assert run == Piece(0, 11 * ps, 0, 11)
    assert (price.begin_ps, price.tick) == (11 * ps, 11) and price.asked is not None
    assert price.end_ps - price.begin_ps == 10_000  # the platform's price of RDTSC
    assert (rest.begin_ps, rest.tick) == (price.end_ps, 11)


def test_every_exit_of_a_boot_is_logged_at_the_moment_of_its_piece() -> None:
    driver = Place("sipi", cpus=3).driver()
    driver.drive(FOREVER)
    courses = Courses(driver.machine)
    told = {(one.tick, one.cpu, one.virtual_ns) for one in driver.machine.board.logs.exits}
    pieces = {
        (one.tick, cpu.id, one.begin_ps // 1000)
        for cpu in courses.board.cpus
        for one in courses.of(cpu.id)
        if one.asked is not None
    }
    assert pieces and pieces <= told
