"""A wrong VP index: whoever starts one CPU starts another."""

from msgspec.structs import replace

from emu.boot.platform import Platform
from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx


class WrongIndex(Twist, frozen=True):
    """A start of one VP starts another."""

    vp: int
    other: int

    def decided(
        self, injected: Injected, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """The host mistakes the index."""
        return tuple(
            replace(one, vp=self.other)
            if isinstance(one, fx.StartVp) and one.vp == self.vp
            else one
            for one in effects
        ), self


def _lacking(platform: Platform) -> str:
    by_apic_id = platform.start == "sipi"
    return f"platform {platform.name} starts CPUs by APIC id" if by_apic_id else ""


def _carry_out(given: Given) -> None:
    given.machine.injected.twist(WrongIndex(given.cpu.id, given.number("OTHER")))


KIND = InjectionKind(
    "vp-index", "the host starts the CPU OTHER where CPU is asked for",
    (CPU, CPU.named("OTHER")), _carry_out, "2 3", lacking=_lacking,
)  # fmt: skip
