"""A page is watched as long as somebody waits for bytes in it, and no longer."""

from emu.machine.ram import GuestRam
from emu.machine.waited_pages import WaitedPages
from emu.timeline.moment import Moment
from tests.guest import DATA, SHARED, Guest, finish

TWO = """
cpu0:
    mov ecx, 4000
work:
    dec ecx
    jnz work
    mov dword ptr [{SHARED}], 1
    mov ecx, 4000
more:
    dec ecx
    jnz more
    mov dword ptr [{DATA}], 1
    hlt
cpu1:
    pause
    cmp dword ptr [{SHARED}], 0
    je cpu1
    hlt
cpu2:
    pause
    cmp dword ptr [{DATA}], 0
    je cpu2
    hlt
"""


def waiting(pages: WaitedPages, ram: GuestRam) -> list[set[int]]:
    """The CPUs that look at the page of each of the two words."""
    found = []
    for place in (SHARED, DATA):
        hpa = ram.hpa(place)
        assert hpa is not None
        found.append({cpu for group in pages.groups(hpa) for cpu in group.since})
    return found


def test_groups_are_found_by_the_page_that_they_look_at_until_they_go_on() -> None:
    timeline = Guest(TWO, 3).timeline()
    machine = timeline.machine
    pages, ram = machine.waits.pages, machine.board.ram
    assert waiting(pages, ram) == [set(), set()]
    finish(timeline.driver, Moment(8_000))
    assert waiting(pages, ram) == [{1}, {2}]
    saved = machine.waits.save()
    finish(timeline.driver, Moment(14_000))
    assert waiting(pages, ram) == [set(), {2}]
    machine.waits.load(saved)
    assert waiting(pages, ram) == [{1}, {2}]
