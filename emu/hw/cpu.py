"""One CPU of the machine: its registers, what it is doing, and its own clock."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from emu.hw.address import Hpa
from emu.hw.context import Context

Activity = Literal["off", "wait-for-sipi", "running", "waiting", "halted", "mwait", "shutdown"]
"""`waiting`: in a loop that can only end when a byte it reads changes or time passes."""
SLEEPS: Final[tuple[Activity, ...]] = ("halted", "mwait")
"""An interrupt ends these."""


class SavedCpu(NamedTuple):
    """What a Cpu was at one moment."""

    image: bytes
    """Its context's bytes; empty: it had none."""
    activity: Activity
    clock_ps: int
    ticks: int
    milestone: str
    reason: str
    skip: int | None
    ps_per_instruction: int


class Cpu(Struct):
    """Mutable and private to the machine; people see a CpuView."""

    id: int
    apic_id: int
    vmcb: Hpa
    ps_per_instruction: int
    activity: Activity = "off"
    context: Context | None = None
    clock_ps: int = 0
    """This CPU's clock in picoseconds of virtual time since power-on."""
    ticks: int = 0
    milestone: str = ""
    reason: str = ""
    """Why it shut down."""
    skip: int | None = None
    """The breakpoint address that this CPU was just reported at: it steps off it once."""

    @property
    def lives(self) -> bool:
        """Whether it has code to go on with, asleep or not."""
        gone = ("off", "wait-for-sipi", "shutdown")
        return self.context is not None and self.activity not in gone

    @property
    def registers(self) -> Context:
        """The context of a CPU that has started."""
        assert self.context is not None, f"cpu {self.id} never started"
        return self.context

    def save(self) -> SavedCpu:
        """Everything that changes over time, for `load`."""
        image = b"" if self.context is None else self.context.save()
        return SavedCpu(
            image, self.activity, self.clock_ps, self.ticks, self.milestone,
            self.reason, self.skip, self.ps_per_instruction,
        )  # fmt: skip

    def load(self, saved: SavedCpu, new_context: Callable[[], Context]) -> None:
        """Be again what `save` saw; `new_context` makes a context for a CPU that has none."""
        (
            image, self.activity, self.clock_ps, self.ticks, self.milestone,
            self.reason, self.skip, self.ps_per_instruction,
        ) = saved  # fmt: skip
        if not image:
            self.context = None
            return
        if self.context is None:
            self.context = new_context()
        self.context.load(image)

    @property
    def nanoseconds(self) -> int:
        """The clock in whole nanoseconds."""
        return self.clock_ps // 1000
