"""A CPU that is started and does not come: the host says yes, and nothing happens."""

from dataclasses import dataclass

from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.parameter import CPU
from emu.hw.cpu import Cpu
from emu.machine.injected import Twist
from emu.machine.machine import Machine
from emu.vmm import effects as fx


@dataclass(frozen=True, slots=True)
class NeverStarts(Twist):
    """Whoever starts this CPU is told that it was done."""

    vp: int

    def decided(
        self, machine: Machine, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """Starts and SIPIs for the CPU are lost."""
        kept = []
        for one in effects:
            started = isinstance(one, fx.StartVp) and one.vp == self.vp
            if not started and not (isinstance(one, fx.SendSipi) and one.cpu == self.vp):
                kept.append(one)
        return tuple(kept), self


def _carry_out(given: Given) -> None:
    given.machine.injected.twist(NeverStarts(given.cpu.id))


KIND = Kind(
    "never-starts", "the host says that it started the CPU, and does not", (CPU,), _carry_out,
    "3",
)  # fmt: skip
