"""The verdicts of `docs/mailbox_orders.md`."""

from functools import lru_cache
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "mailbox_orders.md"
_COLUMNS: Final = 4


@lru_cache
def verdicts() -> dict[tuple[str, int], str]:
    """(order, bits of the ack) -> `holds` or `refuted`, in the order of the table's rows."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    found = {}
    for row in rows:
        if len(row) == _COLUMNS and row[2] in ("holds", "refuted"):
            found |= {(row[0], 16): row[2], (row[0], 64): row[3]}
    return found
