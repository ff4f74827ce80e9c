"""The rules of the protocol, one a file: a new one is a file and a line here."""

from typing import Final

from emu.mailbox.rule import Rule
from emu.mailbox.rules import (
    ack_by_addressed,
    bounded_wait,
    call_mask,
    command_answered,
    command_by_os,
    data_race,
    halves,
    interrupts_off,
    leaves_on_wakeup,
    mailbox_reserved,
    mailbox_view,
    no_secrets,
    nodes_honoured,
    one_command,
    one_owner,
    own_vector,
    page_reused,
    private_stacks,
    reserved_clean,
    reset_vector,
    second_wake,
    status_checked,
    stored_before_command,
    tables_reserved,
    vector_before_ack,
    vector_executable,
    wait_pauses,
    whole_vector,
    withdrawn,
)
from emu.mailbox.rules.cpu import CPU_RULES

RULES: Final[tuple[Rule, ...]] = (
    command_by_os.RULE,
    leaves_on_wakeup.RULE,
    ack_by_addressed.RULE,
    own_vector.RULE,
    vector_before_ack.RULE,
    whole_vector.RULE,
    vector_executable.RULE,
    stored_before_command.RULE,
    one_command.RULE,
    command_answered.RULE,
    interrupts_off.RULE,
    halves.RULE,
    reserved_clean.RULE,
    mailbox_reserved.RULE,
    tables_reserved.RULE,
    nodes_honoured.RULE,
    page_reused.RULE,
    reset_vector.RULE,
    one_owner.RULE,
    second_wake.RULE,
    withdrawn.RULE,
    private_stacks.RULE,
    bounded_wait.RULE,
    wait_pauses.RULE,
    no_secrets.RULE,
    status_checked.RULE,
    call_mask.RULE,
    mailbox_view.RULE,
    data_race.RULE,
    *CPU_RULES,
)
BY_NAME: Final = {rule.name: rule for rule in RULES}
CAUSES: Final = {rule.name: rule.follows_from for rule in RULES if rule.follows_from}
"""Rule -> the rules of which it is a consequence."""
ON: Final = {
    kind: tuple(rule for rule in RULES if kind in rule.sees)
    for kind in {kind for rule in RULES for kind in rule.sees}
}
"""Kind of observation -> the rules that look at it, in their order."""
