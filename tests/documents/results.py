"""What `apdbg what-if` came to, kept in docs/results/, as tables and sentences of a page."""

from pathlib import Path
from typing import Final

import msgspec

from emu.debug.what_if import TimeTaken, WayTaken
from emu.debug.what_if_report import UntilAccepted, WhatIf
from emu.debug.what_if_told import cells_of, claim, compared, in_order, moves, ms
from tests.documents.markdown import code, table

FOLDER: Final = Path(__file__).parents[2] / "docs" / "results"
THREADS: Final = 96
PUBLISHED: Final = (("ipi", 500), ("ipi-kick", 100), ("ipi-parallel", 34))
"""ms on a machine of 96 threads (Linux, series on parallel bring-up, 2023)."""


def stored(name: str) -> WhatIf:
    """Results by the name of their file."""
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=WhatIf)


def told_again(found: WhatIf) -> tuple[WayTaken, ...]:
    """What a report was made of."""
    return tuple(
        WayTaken(one.way, one.cpus, one.ps, one.prices, _until(one.accepted))
        for one in found.ways
    )


def _until(one: UntilAccepted | None) -> TimeTaken | None:
    return None if one is None else TimeTaken(one.ps, one.prices)


def told(what: str, *words: str) -> str:
    """A part of a page."""
    found = stored(words[0])
    match what:
        case "bands":
            return _bands(found, int(words[1]))
        case "compared":
            return _compared(found, words[1])
    return {"times": _times, "claims": _claims, "published": _published}[what](found)


def _times(found: WhatIf) -> str:
    cells = cells_of(told_again(found))
    counts, names = in_order(cells)
    ps = {(one.name, one.cpus): one.taken.ps for one in cells}
    head = ("ms", *(f"{count:,} CPUs" for count in counts))
    return table(head, ((_row(name), *(ms(ps[name, one]) for one in counts)) for name in names))


def _row(name: str) -> str:
    way, comma, more = name.partition(",")
    return f"{code(way)}{comma}{more}"


def _bands(found: WhatIf, cpus: int) -> str:
    """Of one number of CPUs."""
    rows = (
        (
            _row(one.name), ms(one.taken.ps), *map(ms, one.taken.band),
            "; ".join(moves(one.taken, code("{}"))),
        )
        for one in cells_of(told_again(found))
        if one.cpus == cpus
    )  # fmt: skip
    what = "with each price at the low and the high end of its range"
    return table((f"ms with {cpus:,} CPUs", "usual", "least", "most", what), rows)


def _claims(found: WhatIf) -> str:
    return "\n".join(f"* {sentence}" for sentence in claim(told_again(found)))


def _compared(found: WhatIf, begin: str) -> str:
    """Of ways whose names begin so."""
    some = (one for one in compared(told_again(found)) if one.startswith(begin))
    return "\n".join(f"* {sentence}" for sentence in some)


def _published(found: WhatIf) -> str:
    ours = {one.way: ms(one.ps) for one in found.ways if one.cpus == THREADS}
    head = (f"ms with {THREADS} CPUs", "Linux, published", "ours")
    return table(head, ((code(way), str(theirs), ours[way]) for way, theirs in PUBLISHED))
