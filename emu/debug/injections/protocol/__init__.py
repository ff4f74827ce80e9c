"""What the two sides of the mailbox do wrong."""

from typing import Final

from emu.debug.injections.kind import Kind

KINDS: Final[tuple[Kind, ...]] = ()
