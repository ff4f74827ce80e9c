"""Rules about the CPUs themselves and not about the mailbox, one a file and a line here."""

from typing import Final

from emu.mailbox.rule import Rule

CPU_RULES: Final[tuple[Rule, ...]] = ()
