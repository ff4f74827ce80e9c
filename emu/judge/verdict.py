"""What the judge has to say, as values: how a boot ended, what CPUs do, and why one waits."""

from typing import Literal

from msgspec import Struct

CpuState = Literal[
    "off",
    "wait-for-sipi",
    "running",
    "spinning",
    "halted",
    "parked",
    "online",
    "failed",
    "shutdown",
]
Outcome = Literal["booted", "degraded", "hung", "crashed", "limit", "stopped"]


class Verdict(Struct, frozen=True):
    """The outcome and one sentence that says why."""

    outcome: Outcome
    reason: str

    @property
    def words(self) -> tuple[str, str]:
        """Both, for those who do not judge."""
        return self.outcome, self.reason


class WaitFact(Struct, frozen=True):
    """One waiting CPU: on what, where, and who changed that last (None: nobody) at which
    tick."""

    cpu: int
    on: str
    """The bytes it looks at, with the condition that lets it go where the code tells it."""
    where: str
    """Symbol and offset of the loop's head."""
    now: str
    """What those bytes hold."""
    last_writer: int | None
    tick: int | None
