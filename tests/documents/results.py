"""What `apdbg what-if` came to, kept in docs/results/, as tables and sentences of a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from emu.debug.what_if import AtEnds, WayTaken
from emu.debug.what_if_report import WhatIf
from emu.debug.what_if_told import claim, ms
from tests.documents.markdown import code, table

FOLDER: Final = Path(__file__).parents[2] / "docs" / "results"
THREADS: Final = 96
PUBLISHED: Final = (("ipi", 500), ("ipi-kick", 100), ("ipi-parallel", 34))
"""ms on a machine of 96 threads (Linux, series on parallel bring-up, 2023)."""


def stored(name: str) -> WhatIf:
    """Results by the name of their file."""
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=WhatIf)


def told(what: str, *words: str) -> str:
    """A part of a page."""
    return {"times": _times, "bands": _bands, "claims": _claims, "published": _published}[what](
        stored(words[0])
    )


def _times(found: WhatIf) -> str:
    counts = sorted({one.cpus for one in found.ways})
    cells = {(one.way, one.cpus): ms(one.ps) for one in found.ways}
    ways = dict.fromkeys(one.way for one in found.ways)
    head = ("ms", *(f"{count:,} CPUs" for count in counts))
    return table(head, ((code(way), *(cells[way, one] for one in counts)) for way in ways))


def _bands(found: WhatIf) -> str:
    most = max(one.cpus for one in found.ways)
    rows = (
        (code(one.way), ms(one.ps), *map(ms, one.band_ps), _moves(one.prices, one.ps))
        for one in found.ways
        if one.cpus == most
    )
    head = (f"ms with {most:,} CPUs", "usual", "least", "most", "the prices that move it most")
    return table(head, rows)


def _moves(prices: Sequence[AtEnds], usual: int) -> str:
    far = {one.price: abs(one.high_ps - one.low_ps) for one in prices}
    some = sorted(far, key=lambda name: -far[name])[:2]
    return ", ".join(code(name) for name in some if far[name] * 200 > usual)


def _claims(found: WhatIf) -> str:
    taken = [WayTaken(one.way, one.cpus, one.ps, one.prices) for one in found.ways]
    return "\n".join(f"* {sentence}" for sentence in claim(taken))


def _published(found: WhatIf) -> str:
    ours = {one.way: ms(one.ps) for one in found.ways if one.cpus == THREADS}
    head = (f"ms with {THREADS} CPUs", "Linux, published", "ours")
    return table(head, ((code(way), str(theirs), ours[way]) for way, theirs in PUBLISHED))
