"""A wait knows its laps, and suspicion grows with every sighting that led nowhere."""

from hypothesis import given
from hypothesis import strategies as st

from emu.machine.lap import Loop
from emu.machine.wait import BACKOFF_MAX, HITS, PLACES_MAX, Suspicion, Wait


def loop(lap_ps: int) -> Loop:
    """A loop of which only the length matters."""
    return Loop(0, lap_ps, (), (), (), (), (), frozenset(), False, False, False, (), ())


@given(st.integers(0, 10**15), st.integers(1, 10**7), st.integers(0, 2 * 10**15))
def test_a_wait_goes_on_at_the_first_lap_at_or_after_a_moment(
    since: int, lap: int, moment: int
) -> None:
    start = Wait(loop(lap), since, since - 1).lap_at(moment)
    assert start >= max(moment, since) and (start - since) % lap == 0
    assert start == since or start - lap < moment


@given(st.none() | st.integers(0, 99), st.none() | st.integers(0, 99))
def test_the_last_lap_is_the_first_that_is_known_to_leave(
    ends: int | None, due: int | None
) -> None:
    known = [moment for moment in (ends, due) if moment is not None]
    assert Wait(loop(1), 0, 0, ends, due).last_ps == (min(known) if known else None)


def test_each_trace_in_vain_doubles_the_sightings_before_the_next() -> None:
    seen, wanted = Suspicion(), HITS
    for _ in range(20):
        hits = [seen.hit(7) for _ in range(wanted)]
        assert hits == [False] * (wanted - 1) + [True]
        seen.failed(7)
        wanted = min(2 * wanted, BACKOFF_MAX)
    assert [seen.hit(8) for _ in range(HITS)] == [False, True]  # another place is as at first


def test_few_places_are_remembered() -> None:
    seen = Suspicion()
    for place in range(10 * PLACES_MAX):
        seen.failed(place)
        assert len(seen.wanted) <= PLACES_MAX


def test_a_copy_is_suspected_by_itself() -> None:
    seen = Suspicion()
    seen.hit(1)
    copy = seen.copy()
    assert seen.hit(1)
    copy.failed(2)
    assert copy != seen and 2 not in seen.wanted and copy.hits == {}
