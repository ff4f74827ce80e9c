"""What a store to the mailbox comes to in the log, and in the protocol's state of each AP."""

from emu.machine.board import Board
from emu.machine.event import MailboxWrite
from emu.machine.tracked import PageStore
from emu.mailbox.layout import COMMAND, HEAD_BYTES, describe, read_head


class MailboxEvents:
    """One event for every field of the page that has another value."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def stored(self, store: PageStore) -> None:
        """Tell the fields that changed, as they were when the store was seen."""
        board, cpu = self._board, store.cpu
        name = board.layout.symbols.name
        place = "host" if cpu is None else name(store.at) or f"{store.at:#x}"
        for field, old, new in store.fields:
            text = describe(field.name, old, new, name)
            board.event(cpu, "mailbox", text, MailboxWrite(field.name, old, new, place))
            if field is COMMAND:
                who = None if cpu is None else cpu.id
                apic_id = read_head(store.now[:HEAD_BYTES]).apic_id
                board.protocol.command(who, new, apic_id, board.tick, board.nanoseconds(cpu))
