"""Why a run of the machine came to an end."""

from enum import Enum


class Pause(Enum):
    """Why `Machine.run` came back."""

    SLICE = "the slice is over"
    BUDGET = "the instruction budget is used up"
    BREAKPOINT = "a breakpoint was reached"
    OUTCOME = "the machine stopped for good"
    HUNG = "no CPU can ever run again"
    STUCK = "the watchdog gave up"
