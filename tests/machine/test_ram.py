"""Guest memory: every byte has one place for each view, and the host sees no private one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.hw.address import PAGE_BYTES, Gpa, Hpa
from emu.hw.memory import HostMemory
from emu.machine.ram import SHARED_ALIAS, GuestRam
from emu.vmm.effects import PageState

RANGES = ((0x1000, 0x4000), (0x10_0000, 0x3000), (0x80_0000, 0x8000))
FIRST = Hpa(0x2_0000)
STATES: tuple[PageState, ...] = ("unaccepted", "private", "shared")
PAGES = [
    page
    for gpa, size in RANGES
    for page in range(gpa - PAGE_BYTES, gpa + size + PAGE_BYTES, PAGE_BYTES)
]
"""Those of the banks, and one before and behind each."""
ADDRESSES = st.tuples(st.sampled_from(PAGES), st.integers(0, PAGE_BYTES - 1)).map(sum)
CHANGES = st.lists(
    st.tuples(st.sampled_from(range(3)), st.integers(0, 7), st.integers(1, 8),
              st.sampled_from(STATES)),
    max_size=12,
)  # fmt: skip


Steps = list[tuple[int, int, int, PageState]]
"""(bank, first page, pages, state)."""


def ram(two_views: bool) -> GuestRam:
    """Three banks."""
    return GuestRam(HostMemory(Hpa(0x10_0000)), RANGES, FIRST, two_views)


def changed(one: GuestRam, steps: Steps) -> dict[int, PageState]:
    """Give pages states; what they are then, page by page."""
    states: dict[int, PageState] = {
        page: "unaccepted"
        for gpa, size in RANGES
        for page in range(gpa, gpa + size, PAGE_BYTES)
    }
    for number, first, count, state in steps:
        gpa, size = RANGES[number]
        start = gpa + min(first * PAGE_BYTES, size - PAGE_BYTES)
        count = min(count, (gpa + size - start) // PAGE_BYTES)
        one.set_state(one.banks[number], Gpa(start), count, state)
        states |= dict.fromkeys(range(start, start + count * PAGE_BYTES, PAGE_BYTES), state)
    return states


@pytest.mark.parametrize("two_views", [True, False])
def test_no_two_bytes_share_a_place_and_each_place_knows_its_page(two_views: bool) -> None:
    one = ram(two_views)
    seen: dict[int, int] = {}
    for gpa, hpa, size in one.views():
        for offset in range(0, size, PAGE_BYTES):
            assert seen.setdefault(hpa + offset, gpa + offset) == gpa + offset
            assert one.page_at(hpa + offset + 5) == gpa + offset
    assert len(seen) == (30 if two_views else 15)
    assert max(seen) + PAGE_BYTES == one.end and min(seen) == FIRST
    assert one.page_at(FIRST - 1) is None and one.page_at(one.end) is None


@given(CHANGES, ADDRESSES, st.integers(1, 9), st.booleans())
def test_states_are_those_that_were_set_last(
    steps: Steps, gpa: int, count: int, two_views: bool
) -> None:
    one = ram(two_views)
    states = changed(one, steps)
    page = gpa & ~0xFFF
    assert one.state(Gpa(gpa)) == states.get(page)
    pages = range(page, page + count * PAGE_BYTES, PAGE_BYTES)
    assert one.page_states(Gpa(page), count) == {states.get(each) for each in pages}
    saved = one.save()
    changed(one, [(0, 0, 3, "shared"), (2, 0, 8, "private")])
    one.load(saved)
    assert one.state(Gpa(gpa)) == states.get(page)
    assert one.is_secret(gpa) == (two_views and states.get(page) != "shared")


@given(CHANGES, ADDRESSES, st.integers(1, 0x2100), st.booleans())
def test_the_guest_reads_its_own_view_and_the_host_ciphertext_of_private_bytes(
    steps: Steps, gpa: int, count: int, two_views: bool
) -> None:
    one = ram(two_views)
    states = changed(one, steps)
    places = [one.hpa(gpa + offset) for offset in range(count)]
    data = one.guest_bytes(gpa, count)
    if None in places:
        assert data is None and one.read(Gpa(gpa), count) is None
        return
    for offset in {0, count - 1}:
        place, shared = places[offset], states[gpa + offset & ~0xFFF] == "shared"
        assert place is not None
        one.memory.write(place, bytes((offset + 1 & 0xFF or 1,)))
        alias = SHARED_ALIAS if two_views and shared else 0
        assert one.page_at(place) == gpa + offset & ~0xFFF | alias
    data = one.guest_bytes(gpa, count)
    assert data is not None and (data[0], data[-1]) == (1, count & 0xFF or 1)
    shown = one.read(Gpa(gpa), count)
    assert shown is not None
    assert (shown == data) == (not one.is_secret(gpa))
