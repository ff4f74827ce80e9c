"""In which order a loop reads command and id, and whether that is safe.

The table is docs/mailbox_orders.md, whose verdicts are those of a search through every
interleaving of two and three APs (`tests/mailbox/orders.py`), and of SPIN.
"""

from typing import Final

from emu.mailbox.dialect import LoopCode
from emu.mailbox.layout import APIC_ID, COMMAND

_BOTH_BYTES: Final = 8
_ACK_OF_BOTH: Final = 8
"""An ack of so many bytes clears the id, too."""
ONE_LOAD: Final = "one 8-byte load"
_ORDERS: Final = {
    (COMMAND.name, APIC_ID.name): "command, id",
    (APIC_ID.name, COMMAND.name): "id, command",
    (COMMAND.name, APIC_ID.name, COMMAND.name): "command, id, command again",
}
REFUTED: Final = (("command, id", 16), ("command, id", 64), ("id, command", 16))
"""(Order, bits of the ack): an AP may leave with a vector that was never its own."""


def order_of(code: LoopCode) -> tuple[str, int] | None:
    """(Order, bits of the ack: 16 or 64) as in the table; None for one that it has not."""
    heads = [one for one in code.loads if one[0] in (COMMAND.name, APIC_ID.name)]
    bits = 64 if code.ack_bytes >= _ACK_OF_BOTH else 16
    if not code.ack_bytes:
        return None
    if (COMMAND.name, _BOTH_BYTES) in heads:
        return ONE_LOAD, bits
    found = _ORDERS.get(tuple(field for field, _ in heads))
    return None if found is None else (found, bits)


def order_words(code: LoopCode) -> str:
    """`order "command, id", ack of 16 bits: refuted`."""
    found = order_of(code)
    if found is None:
        return "an order that docs/mailbox_orders.md has not"
    verdict = "refuted" if found in REFUTED else "holds"
    late = ", but for the vector, which is read after the ack" if code.late else ""
    told = f'order "{found[0]}", ack of {found[1]} bits: {verdict}{late}'
    return f"{told} (docs/mailbox_orders.md)"
