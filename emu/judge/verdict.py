"""What the judge has to say, as values: how a boot ended, what CPUs do, and why one waits."""

from typing import Final, Literal

from msgspec import Struct

CpuState = Literal[
    "off",
    "wait-for-sipi",
    "running",
    "spinning",
    "halted",
    "mwait",
    "parked",
    "sidecar-idle",
    "online",
    "failed",
    "shutdown",
]
MEANINGS: Final[dict[CpuState, str]] = {
    "running": "executes instructions",
    "spinning": "loops until a byte changes; costs no emulation",
    "parked": "waits in the mailbox loop for a wake-up",
    "online": "the OS has it",
    "sidecar-idle": "idles in the sidecar until the OS has work for it",
    "halted": "executed HLT: an interrupt wakes it",
    "mwait": "executed MWAIT: a store to its line wakes it, or an interrupt",
    "wait-for-sipi": "had an INIT, waits for a start-up IPI",
    "off": "nobody has started it, or it was given back",
    "failed": "the shim gave it up",
    "shutdown": "triple fault: it stands still for ever",
}
"""What each state means, in the order in which a summary counts them."""
Fate = Literal["well", "not offered", "lost", "stuck", "dead"]
"""What became of a CPU (`emu.judge.fate`)."""
Outcome = Literal["booted", "degraded", "hung", "crashed", "limit", "stopped"]


class Verdict(Struct, frozen=True):
    """The outcome and one sentence that says why."""

    outcome: Outcome
    reason: str

    @property
    def words(self) -> tuple[str, str]:
        """Both, for those who do not judge."""
        return self.outcome, self.reason


UNWELL: Final[tuple[Fate, ...]] = ("dead", "stuck", "lost")
"""In the order of how much they tell."""
OVER: Final = ("booted", "degraded")


def is_over(verdict: Verdict | None) -> bool:
    """Whether the guest itself has switched the machine off, with what it has."""
    return verdict is not None and verdict.outcome in OVER


class Evidence(Struct, frozen=True):
    """One sentence of a run's end, and what it says as values; empty where it says nothing."""

    state: str
    """What became of the CPUs (`Fate`, or `CpuState` for those that are well), `finding`,
    `progress`, or `injected`."""
    cpus: tuple[int, ...]
    sentence: str
    where: str = ""
    last: str = ""
    fault: str = ""
    """The last fault, where that is not what it did last."""
    refused: str = ""
    """The last call for the CPU that was refused, and why, in the host's words."""
    waits_for: str = ""
    last_writer: int | None = None
    tick: int | None = None
    """When that wrote; None: never, or not known, which the sentence tells."""
    next: str = ""


class WaitFact(Struct, frozen=True):
    """One waiting CPU: on what, where, and who changed that last."""

    cpu: int
    on: str
    """The bytes it looks at, with the condition that lets it go where the code tells it."""
    where: str
    """Symbol and offset of the loop's head."""
    now: str
    """What those bytes hold."""
    last_writer: int | None
    """The CPU that changed it last; None for the host, for nobody, and where not known."""
    tick: int | None
    """When that was; None for never, and where not known."""
    known: bool
    """False: it was before the wait began, and nobody has searched for it."""
    place: str
    """What it looks at, as `last-writer` takes it; empty for a loop that reads nothing."""

    @property
    def written(self) -> str:
        """`last written by cpu 1 at tick 2,345`, or why that cannot be said."""
        if not self.place:
            return "it reads nothing"
        if not self.known:
            return f"written before the wait began: `last-writer {self.place}` finds it"
        if self.tick is None:
            return "nobody has written it since power-on"
        who = "the host" if self.last_writer is None else f"cpu {self.last_writer}"
        return f"last written by {who} at tick {self.tick:,}"
