"""Makes the critical path: its stretches, cut where phase, function or line change."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from emu.profile.basis import Basis
from emu.profile.critical_view import GROUPS, CriticalPath, PathPart, sums
from emu.profile.path import PathStretch, end_of, walk
from emu.profile.places import SpotNames


def critical(basis: Basis) -> CriticalPath:
    """The path up to now, or up to the end of the boot."""
    end, places = end_of(basis), SpotNames(basis)
    stretches = reversed(tuple(walk(basis.courses, end)))
    parts = tuple(_joined(part for one in stretches for part in _parts(places, one)))
    exact = basis.looked.code is not None
    shares = {by: sums(parts, by) for by in GROUPS}
    since_ps = max(basis.machine.board.now_ps() - end.ps, 0)
    return CriticalPath(f"cpu {end.cpu} {end.words}", end.ps, since_ps, parts, shares, exact)


def _parts(places: SpotNames, one: PathStretch) -> Iterator[PathPart]:
    """A stretch, cut where phase or place change."""
    cuts, pace = [one.tick], one.pace_ps
    if pace:
        count = -(-(one.end_ps - one.begin_ps) // pace)
        cuts += places.changes(one.cpu, one.tick, one.tick + count)
    for number, tick in enumerate(cuts):
        begin = one.begin_ps + (tick - one.tick) * pace
        last = number + 1 == len(cuts)
        end = one.end_ps if last else one.begin_ps + (cuts[number + 1] - one.tick) * pace
        function, line = places.spot(one.cpu, tick)
        yield PathPart(
            one.cpu, places.phase(one.cpu, tick), function, line, one.why, tick, begin, end
        )


def _joined(parts: Iterable[PathPart]) -> Iterator[PathPart]:
    """Neighbours that are alike are one."""
    before: PathPart | None = None
    for one in parts:
        if before is not None and _kind(before) == _kind(one):
            before = replace(before, end_ps=one.end_ps)
            continue
        if before is not None:
            yield before
        before = one
    if before is not None:
        yield before


def _kind(one: PathPart) -> tuple[int, str, str, str, str]:
    return one.cpu, one.phase, one.function, one.line, one.why
