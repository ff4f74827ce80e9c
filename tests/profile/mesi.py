"""MESI by the book and by brute force: one state for each CPU and line, nothing remembered that
the table has not. Source: SDM 3A, 12.4, table 12-4; the counts are what the words mean."""

from collections.abc import Iterable

from msgspec import Struct


class Counted(Struct, frozen=True):
    """How often a line went from one CPU to another, copies were made invalid, and a copy that
    was there already was made the only one."""

    transfers: int
    invalidations: int
    upgrades: int


def counted(accesses: Iterable[tuple[int, bool]]) -> Counted:
    """Of one line: (CPU, whether it stores), in order."""
    state: dict[int, str] = {}
    transfers = invalidations = upgrades = 0
    for cpu, stores in accesses:
        mine = state.get(cpu, "I")
        others = [one for one, kept in state.items() if one != cpu and kept != "I"]
        if mine == "I" and others:
            transfers += 1
        if stores:
            if mine == "S":
                upgrades += 1
            invalidations += len(others)
            state = dict.fromkeys(state, "I") | {cpu: "M"}
        elif mine == "I":
            state |= dict.fromkeys(others, "S")
            state[cpu] = "S" if others else "E"
    return Counted(transfers, invalidations, upgrades)
