"""What a store to the mailbox comes to in the log, and in the protocol's state of each AP."""

from msgspec.structs import replace

from emu.hw.cpu import Cpu
from emu.machine.arrivals import tell
from emu.machine.board import Board
from emu.machine.event import MailboxWrite
from emu.machine.tracked import PageStore
from emu.mailbox.ap import WAKEUP
from emu.mailbox.layout import COMMAND, HEAD_BYTES, Head, describe, read_head


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
                self._commanded(cpu, old, read_head(store.now[:HEAD_BYTES]))

    def _commanded(self, cpu: Cpu | None, old: int, head: Head) -> None:
        """The command is another: whoever is woken is to be seen at its vector."""
        board, who = self._board, None if cpu is None else cpu.id
        if head.command == WAKEUP:
            vectors = board.addresses.of("vector") | {head.vector}
            board.addresses.watch("vector", vectors)
        before, now = replace(head, command=old), board.nanoseconds(cpu)
        acks = board.aps.commanded(who, before, head, board.tick, now)
        if cpu is not None and acks:
            tell(board, cpu, "ack")
