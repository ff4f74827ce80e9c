"""INITs and SIPIs that go wrong on their way: what these kinds share."""

from typing import Literal

from msgspec.structs import replace

from emu.boot.platform import Platform
from emu.hw.cpu import Cpu
from emu.inject.parameter import Parameter, one_of
from emu.machine import apply
from emu.machine.injected import Injected, Twist
from emu.machine.machine import Machine
from emu.vmm import effects as fx

WHAT = Parameter("WHAT", "sipi or init", one_of("sipi", "init"))


class WrongIpi(Twist, frozen=True):
    """The next `left` INITs or SIPIs to a CPU are lost, arrive twice, or `delay_ps` late."""

    what: str
    target: int
    how: Literal["lost", "twice", "late"]
    left: int
    delay_ps: int = 0

    def decided(
        self, injected: Injected, cpu: Cpu, what: str, effects: fx.Effects
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
            late, source = tuple(mine), cpu.id

            def arrive(machine: Machine, _: Cpu | None) -> None:
                sender, target = machine.board.cpus[source], machine.board.cpus[self.target]
                apply.carry_out(machine, sender, late)
                target.clock_ps = max(target.clock_ps, machine.board.now_ps())

            machine.injected.later("", cpu.clock_ps + self.delay_ps, arrive)
        return others, left


def lacks_ipis(platform: Platform) -> str:
    """Why a platform's CPUs are not started by INIT and SIPI; empty if they are."""
    return "" if platform.start == "sipi" else (
        f"platform {platform.name} starts CPUs without INIT and SIPI"
    )  # fmt: skip
