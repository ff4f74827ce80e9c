"""Rules about the CPUs themselves and not about the mailbox, one a file and a line here."""

from typing import Final

from emu.mailbox.rule import Rule
from emu.mailbox.rules.cpu import cpu_fault, cpu_stuck, wait_cycle

CPU_RULES: Final[tuple[Rule, ...]] = (
    cpu_fault.RULE,
    cpu_stuck.RULE,
    wait_cycle.RULE,
)
