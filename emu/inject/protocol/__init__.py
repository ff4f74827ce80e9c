"""What the two sides of the mailbox do wrong."""

from typing import Final

from emu.inject.kind import InjectionKind
from emu.inject.protocol import (
    ack_lost,
    command_before_vector,
    dirty_reserved,
    foreign_id,
    mailbox_moved,
    second_wake,
    unknown_command,
    vector32,
    wake_during_hand_back,
)

KINDS: Final[tuple[InjectionKind, ...]] = (
    command_before_vector.KIND, vector32.KIND, dirty_reserved.KIND, foreign_id.KIND,
    unknown_command.KIND, second_wake.KIND, wake_during_hand_back.KIND, ack_lost.KIND,
    mailbox_moved.KIND,
)  # fmt: skip
