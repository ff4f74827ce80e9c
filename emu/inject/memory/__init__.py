"""What goes wrong with memory, with tables, and with who sees what when."""

from typing import Final

from emu.inject.kind import InjectionKind
from emu.inject.memory import (
    accept_size,
    accept_twice,
    flip,
    host_write,
    late_stores,
    npt,
    pte,
    reuse,
    stale,
    unaccept,
    view,
)

KINDS: Final[tuple[InjectionKind, ...]] = (
    flip.KIND, host_write.KIND, reuse.KIND, pte.KIND, npt.KIND, stale.KIND, unaccept.KIND,
    accept_twice.KIND, accept_size.KIND, view.KIND, late_stores.KIND,
)  # fmt: skip
