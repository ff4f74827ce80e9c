"""INITs and SIPIs that go wrong on their way: what these kinds share."""

from typing import Literal

from msgspec.structs import replace

from emu.boot.platform import Platform
from emu.hw.cpu import Cpu
from emu.inject.parameter import Parameter, one_of
from emu.machine import apply
from emu.machine.injected import Injected, Twist
from emu.machine.machine import Machine, MachineDeed
from emu.vmm import effects as fx
from emu.vmm.asked import Asked

WHAT = Parameter("WHAT", "sipi or init", one_of("sipi", "init"))


class Arrives(MachineDeed, frozen=True):
    """IPIs that were on their way for long."""

    source: int
    target: int
    ipis: fx.Effects

    def happen(self, machine: Machine, met_by: Cpu | None) -> None:
        """Their target notices them now, and not when they were sent."""
        sender, target = machine.board.cpus[self.source], machine.board.cpus[self.target]
        apply.carry_out(machine, sender, self.ipis)
        moment = max(target.clock_ps, machine.board.now_ps())
        machine.board.go_on(target, moment, "delayed")


class WrongIpi(Twist, frozen=True):
    """The next `left` INITs or SIPIs to a CPU are lost, arrive twice, or `delay_ps` late."""

    what: str
    target: int
    how: Literal["lost", "twice", "late"]
    left: int
    delay_ps: int = 0

    def decided(
        self, injected: Injected, cpu: Cpu, asked: Asked, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist | None]:
        """What becomes of them on the way."""
        kind = fx.SendSipi if self.what == "sipi" else fx.SendInit
        mine = [one for one in effects if isinstance(one, kind) and one.cpu == self.target]
        if not mine:
            return effects, self
        left = replace(self, left=self.left - 1) if self.left > 1 else None
        others = tuple(one for one in effects if one not in mine)
        if self.how == "twice":
            return (*others, *mine, *mine), left
        if self.how == "late":
            late = Arrives(cpu.id, self.target, tuple(mine))
            injected.later("", cpu.clock_ps + self.delay_ps, late)
        return others, left


def lacks_ipis(platform: Platform) -> str:
    """Why a platform's CPUs are not started by INIT and SIPI; empty if they are."""
    return "" if platform.start == "sipi" else (
        f"platform {platform.name} starts CPUs without INIT and SIPI"
    )  # fmt: skip
