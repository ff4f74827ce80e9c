"""A CPU that comes late: between the host's yes and its first instruction lies much time."""

from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, NS
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx


class LateStart(Twist, frozen=True):
    """Every start of a CPU takes longer."""

    vp: int
    nanoseconds: int

    def decided(
        self, injected: Injected, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """Behind a start comes a delay; a SIPI that finds the CPU started starts nothing."""
        waits = machine.board.cpus[self.vp].activity == "wait-for-sipi"
        found: list[fx.Effect] = []
        for one in effects:
            found.append(one)
            sipi = isinstance(one, fx.SendSipi) and one.cpu == self.vp and waits
            if sipi or (isinstance(one, fx.StartVp) and one.vp == self.vp):
                found.append(fx.Delay(self.vp, self.nanoseconds))
        return tuple(found), self


def _carry_out(given: Given) -> None:
    given.machine.injected.twist(LateStart(given.cpu.id, given.number("NS") // 1000))


KIND = InjectionKind(
    "late-start", "the CPU starts so much later", (CPU, NS), _carry_out, "2 5ms",
)  # fmt: skip
