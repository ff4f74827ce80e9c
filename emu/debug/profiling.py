"""A session's profile: what its sections need is seen first, by a second run where they need
more than the logs."""

from collections.abc import Iterable

from emu.debug.desk import Desk, Lines
from emu.profile.looking import SAMPLE, looked
from emu.profile.profile import Profile, SectionKind, profile
from emu.profile.secrets import Secrets, secrets
from emu.timeline.moment import Moment
from emu.timeline.search import from_here


def profile_of(desk: Desk, kinds: Iterable[SectionKind]) -> Profile:
    """The profile of the branch up to now; raises CommandError where there is too much to
    look at."""
    return measured(desk, kinds)[0]


def measured(desk: Desk, kinds: Iterable[SectionKind]) -> tuple[Profile, Lines]:
    """The same, and a sentence on what it cost to see what logs do not have, if it did."""
    wanted = tuple(kinds)
    needs = {one.needs for one in wanted}
    seen = looked(desk.machine, desk.timeline, needs)
    found = profile(desk.machine, wanted, seen, desk.timeline.driver.look_up)
    desk.looks.profiled().keep(desk.machine, desk.timeline.branch.name, found)
    if not seen.factor:
        return found, ()
    what = " and ".join(_SEEN[one] for one in sorted(needs & _SEEN.keys()))
    told = f"a second run was looked at, {what}: {seen.factor:.1f} times as long"
    count = sum(one.last - one.first for one in seen.passed)
    if not count:
        return found, (told,)
    passed = f"but for {count:,} instructions in which one CPU ran alone"
    sampled = f", seen every {SAMPLE:,}" * ("code" in needs)
    return found, (told, f"{passed}{sampled}")


_SEEN = {"accesses": "every access", "code": "every instruction"}


def secrets_of(desk: Desk, place: str) -> Secrets:
    """What can be seen of a secret that is in a place at power-on, up to now; raises
    CommandError."""
    with from_here(desk.timeline):
        end = desk.machine.board.tick
        desk.timeline.goto(Moment(0))
        return secrets(desk.machine, desk.timeline, place, end)
