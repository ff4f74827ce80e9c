"""What goes wrong with a CPU."""

from typing import Final

from emu.debug.injections.cpu import interrupt, never_starts, nmi, stall
from emu.debug.injections.kind import Kind

KINDS: Final[tuple[Kind, ...]] = (
    nmi.KIND,
    interrupt.KIND,
    stall.KIND,
    never_starts.KIND,
)
