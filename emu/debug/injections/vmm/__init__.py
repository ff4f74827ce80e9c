"""What the VMM and the TDX module do wrong, or what they hand over."""

from typing import Final

from emu.debug.injections.kind import Kind
from emu.debug.injections.vmm import status

KINDS: Final[tuple[Kind, ...]] = (status.KIND,)
