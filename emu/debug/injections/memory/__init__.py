"""What goes wrong with memory, with tables, and with who sees what when."""

from typing import Final

from emu.debug.injections.kind import Kind
from emu.debug.injections.memory import host_write, late_stores

KINDS: Final[tuple[Kind, ...]] = (host_write.KIND, late_stores.KIND)
