"""What is breadth is run a part a day: another part each day, the same one all day long."""

import os
from datetime import date
from typing import Final

DAY: Final = int(os.environ.get("APDBG_DAY") or date.today().toordinal())
"""The day whose part is run; `APDBG_DAY=739000 make test` repeats that of another."""


def seeds(count: int) -> range:
    """The seeds of the day: `count` of them, others than on any other day."""
    return range(DAY * count, (DAY + 1) * count)
