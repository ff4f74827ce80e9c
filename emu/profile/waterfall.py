"""Makes the waterfall: each AP from the moment at which somebody asks for it, step by step."""

from collections import defaultdict

from emu.profile.basis import Basis
from emu.profile.told import quantiles
from emu.profile.waterfall_view import STEPS, ApLine, StepName, StepSpread, Waterfall


def waterfall(basis: Basis) -> Waterfall:
    """Every AP's, as far as the machine has come."""
    aps = tuple(ApLine(cpu, steps) for cpu, steps in basis.steps)
    spans: dict[StepName, list[tuple[int, int]]] = defaultdict(list)
    for ap in aps:
        for step, ns, _ in ap.spans:
            spans[step].append((ns, ap.cpu))
    seen = {one.step for ap in aps for one in ap.steps}
    return Waterfall(
        aps,
        tuple(StepSpread(step, quantiles(spans[step])) for step in STEPS if step in spans),
        tuple(step for step in STEPS if step not in seen),
    )
