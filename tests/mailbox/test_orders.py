"""The table of `docs/mailbox_orders.md`, held against every interleaving of a small model."""

import pytest

from tests.mailbox.orders import ORDERS, explore
from tests.mailbox.orders_table import verdicts


def test_the_table_has_every_order_of_the_model() -> None:
    assert list(verdicts()) == [(order, bits) for order in ORDERS for bits in (16, 64)]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(("order", "ack_bits"), verdicts())
def test_an_order_is_as_good_as_the_table_says(order: str, ack_bits: int, count: int) -> None:
    verdict, states = explore(order, ack_bits, count)
    assert verdict == verdicts()[order, ack_bits]
    assert states > count


def test_without_a_second_wake_the_stale_id_does_no_harm() -> None:
    """What `docs/mailbox_orders.md` says of openhcl_boot: nobody comes back there."""
    assert explore("id, command", 16, 3, wakes=1)[0] == "holds"
    assert explore("command, id", 16, 3, wakes=1)[0] == "refuted"
