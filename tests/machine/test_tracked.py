"""Tracked pages: closed as long as anybody has a reason, and every change of a word is told."""

from hypothesis import given
from hypothesis import strategies as st

from emu.hw.address import PAGE_BYTES, Gpa, Hpa
from emu.machine.board import Board
from emu.machine.build import board_of
from emu.machine.tracked import NOBODY, PageStore, TrackedPages, Why
from emu.mailbox.layout import COMMAND, VECTOR
from tests.guest import DATA, MAILBOX, Guest

PAGES = [Gpa(DATA), Gpa(DATA + PAGE_BYTES)]
REASONS: list[Why] = ["mailbox", "wait", "guard"]


class Heard(list[PageStore]):
    """Whoever listens, and what it was told."""

    stored = list.append


def board(mailbox: bool = False) -> Board:
    """A board that has no parts."""
    setup = Guest("hlt", 2, mailbox=mailbox).setup()
    return board_of(setup.platform, setup.layout(), 0)


def tracked_on(one: Board) -> tuple[TrackedPages, Heard]:
    """The part alone, and what it tells."""
    tracked, heard = TrackedPages(one), Heard()
    tracked.listeners = (heard,)
    return tracked, heard


@given(st.lists(st.tuples(st.sampled_from(PAGES), st.sampled_from(REASONS)), max_size=30))
def test_a_page_is_closed_exactly_as_long_as_there_is_a_reason(
    steps: list[tuple[Gpa, Why]],
) -> None:
    one = BOARD
    tracked, _ = tracked_on(one)
    reasons: dict[Gpa, set[Why]] = {page: set() for page in PAGES}
    for page, why in steps:
        if why in reasons[page]:
            reasons[page].remove(why)
            tracked.remove(Gpa(page + 9), why)
        else:
            reasons[page].add(why)
            tracked.add(Gpa(page + 9), why)
        for each in PAGES:
            assert tracked.why(each) == reasons[each]
            assert one.npt.writable(each) == (not reasons[each])
    for page, left in reasons.items():
        for why in left:
            tracked.remove(page, why)


BOARD = board()
"""Every example leaves it as it was."""


def test_only_a_page_that_is_merely_guarded_is_lent_and_only_until_it_is_closed() -> None:
    one = board()
    tracked, _ = tracked_on(one)
    first, second = PAGES
    tracked.add(first, "guard")
    tracked.add(second, "guard")
    tracked.add(second, "wait")
    assert tracked.lend(first) and not tracked.lend(second)
    assert (one.npt.writable(first), one.npt.writable(second)) == (True, False)
    tracked.lend_only(frozenset((second,)))
    assert not one.npt.writable(first) and not tracked.lent
    tracked.lend_only(frozenset((first,)))
    saved = tracked.save()  # nothing is lent in a snapshot
    assert not one.npt.writable(first) and not tracked.lent
    tracked.forget(first)
    assert one.npt.writable(first) and not tracked.why(first)
    tracked.load(saved)
    assert tracked.why(first) == {"guard"} and tracked.why(second) == {"guard", "wait"}


@given(
    st.integers(0, 400),
    st.binary(min_size=1, max_size=120),
    st.binary(min_size=1, max_size=120),
)
def test_the_last_writer_is_known_of_exactly_the_bytes_that_changed(
    offset: int, before: bytes, after: bytes
) -> None:
    size = min(len(before), len(after))
    offset &= ~7
    one, before, after = BOARD, before[:size], after[:size]
    tracked, heard = tracked_on(one)
    hpa = one.ram.hpa(DATA + offset)
    assert hpa is not None
    one.memory.write(hpa, after)
    one.tick = 5
    tracked.changed(one.cpus[1], Gpa(DATA), hpa, before, 0x77)
    changed = {hpa + at for at in range(size) if before[at] != after[at]}
    assert tracked.writers == dict.fromkeys(changed, (1, 5))
    assert len(heard) == (before != after)
    if heard:
        assert heard[0] == PageStore(one.cpus[1], Gpa(DATA), hpa, before, 0x77)


def test_of_the_mailbox_the_whole_page_and_the_fields_are_told() -> None:
    one = board(mailbox=True)
    tracked, heard = tracked_on(one)
    page = one.ram.hpa(MAILBOX)
    assert page is not None
    one.memory.write(Hpa(page + 0x900), b"\x55")
    one.memory.write(page, (1 | 7 << 64).to_bytes(16, "little"))
    tracked.changed(None, Gpa(MAILBOX), page, bytes(16))
    (store,) = heard
    assert store.fields == ((COMMAND, 0, 1), (VECTOR, 0, 7))
    assert (len(store.before), len(store.now)) == (PAGE_BYTES, PAGE_BYTES)
    assert store.before[:16] == bytes(16) and store.before[16:] == store.now[16:]
    assert store.now[0x900] == 0x55 and store.cpu is None
    assert set(tracked.writers.values()) == {(None, 0)}
    one.memory.write(Hpa(page + 0x900), b"\x56")
    tracked.changed(None, Gpa(MAILBOX + 0x900), Hpa(page + 0x900), b"\x55")
    assert heard[1].fields == () and heard[1].before[0x900] == 0x55


def test_a_page_that_is_lent_and_waited_for_is_closed_at_once() -> None:
    one = board()
    tracked, _ = tracked_on(one)
    page, _ = PAGES
    tracked.add(page, "guard")
    one.npt.lift(page)
    assert tracked.lend(page)
    assert tracked.open_to_the_guest() == []
    tracked.add(page, "wait")
    assert tracked.open_to_the_guest() == []
    assert not one.npt.writable(page)
    tracked.remove(page, "wait")
    tracked.remove(page, "guard")
    assert one.npt.writable(page)


def stored(one: Board, tracked: TrackedPages, gpa: int, value: int, tick: int) -> None:
    """CPU 1 stores a byte at a tick."""
    hpa = one.ram.hpa(gpa)
    assert hpa is not None
    before = one.memory.read(hpa, 1)
    one.memory.write(hpa, bytes([value]))
    one.tick = tick
    tracked.changed(one.cpus[1], Gpa(gpa), hpa, before)


def test_a_last_write_is_known_from_where_on_every_store_to_the_page_is_seen() -> None:
    one = board()
    tracked, _ = tracked_on(one)
    page, _ = PAGES
    hpa = one.ram.hpa(page)
    assert hpa is not None
    assert tracked.last_write(hpa, 4) is None, "nobody watches"
    tracked.add(page, "wait")
    assert tracked.last_write(hpa, 4) is NOBODY, "since power-on"
    stored(one, tracked, page + 2, 7, 50)
    assert tracked.last_write(hpa, 4) == (1, 50)
    assert tracked.last_write(Hpa(hpa + 3), 4) is NOBODY, "the bytes beside it"
    tracked.remove(page, "wait")
    assert tracked.last_write(hpa, 4) is None
    one.tick = 90
    tracked.add(page, "guard")
    assert tracked.last_write(hpa, 4) is None, "those who run on it store unseen"
    tracked.add(page, "wait")
    assert tracked.last_write(hpa, 4) is None, "what was between is not known"
    stored(one, tracked, page, 9, 120)
    saved = tracked.save()
    assert tracked.last_write(hpa, 4) == (1, 120)
    tracked.remove(page, "wait")
    tracked.load(saved)
    assert tracked.last_write(hpa, 4) == (1, 120)
