"""Rules about the CPUs themselves and not about the mailbox, one a file and a line here."""

from typing import Final

from emu.mailbox.rule import Rule
from emu.mailbox.rules.cpu import (
    base_shared,
    beyond_stack,
    cell_reused,
    clocks_apart,
    cpu_fault,
    cpu_stuck,
    exception_online,
    id_shared,
    left_without_test,
    parked_call,
    stack_shared,
    start_page_written,
    status_ignored,
    tss_shared,
    wait_cycle,
    wrong_code,
)

CPU_RULES: Final[tuple[Rule, ...]] = (
    cpu_fault.RULE,
    cpu_stuck.RULE,
    wait_cycle.RULE,
    left_without_test.RULE,
    start_page_written.RULE,
    cell_reused.RULE,
    id_shared.RULE,
    stack_shared.RULE,
    beyond_stack.RULE,
    base_shared.RULE,
    tss_shared.RULE,
    exception_online.RULE,
    status_ignored.RULE,
    parked_call.RULE,
    wrong_code.RULE,
    clocks_apart.RULE,
)
