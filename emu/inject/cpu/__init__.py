"""What goes wrong with a CPU."""

from typing import Final

from emu.inject.cpu import (
    apic_id,
    drift,
    flip_register,
    interrupt,
    late_ipi,
    late_start,
    lose_ipi,
    never_starts,
    nmi,
    plug,
    sipi_without_init,
    skew,
    slow,
    stall,
    stop,
    take_away,
    twice_ipi,
    unplug,
    vp_index,
)
from emu.inject.kind import InjectionKind

KINDS: Final[tuple[InjectionKind, ...]] = (
    never_starts.KIND, late_start.KIND, stop.KIND, stall.KIND, slow.KIND, lose_ipi.KIND,
    twice_ipi.KIND, late_ipi.KIND, sipi_without_init.KIND, interrupt.KIND, nmi.KIND,
    apic_id.KIND, vp_index.KIND, skew.KIND, drift.KIND, flip_register.KIND,
    take_away.KIND, unplug.KIND, plug.KIND,
)  # fmt: skip
