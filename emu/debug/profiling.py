"""A session's profile: what its sections need is seen first, by a second run where they need
more than the logs."""

from collections.abc import Iterable

from emu.debug.desk import Desk
from emu.profile.looking import looked
from emu.profile.profile import Profile, SectionKind, profile


def profile_of(desk: Desk, kinds: Iterable[SectionKind]) -> Profile:
    """The profile of the branch up to now; raises CommandError where there is too much to
    look at."""
    wanted = tuple(kinds)
    needs = {one.needs for one in wanted}
    found = profile(desk.machine, wanted, looked(desk.machine, desk.timeline, needs))
    desk.looks.profiled().keep(desk.machine, desk.timeline.branch.name, found)
    return found
