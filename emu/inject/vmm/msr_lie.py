"""An MSR that reads as something else, by RDMSR and by TDG.VP.VMCALL."""

from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import ANY_CPU, VALUE, Parameter, within
from emu.inject.vmm.reading import answers
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx
from emu.vmm.asked import Asked, Rdmsr, Tdcall
from emu.vmm.tdx import ghci

MSR = Parameter("MSR", "an MSR's number", within(0, 0xFFFF_FFFF))
_U32 = 0xFFFF_FFFF


class MsrLie(Twist, frozen=True):
    """Reads of one MSR, by one CPU or (-1) any, give another value."""

    msr: int
    value: int
    vp: int

    def decided(
        self, injected: Injected, cpu: Cpu, asked: Asked, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """An answer is followed by the lie."""
        if self.vp not in (-1, cpu.id) or not answers(effects):
            return effects, self
        msr = cpu.registers.get("r12") & _U32
        pairs: tuple[tuple[str, int], ...]
        match asked:
            case Rdmsr(msr=self.msr):
                pairs = (("rax", self.value & _U32), ("rdx", self.value >> 32))
            case Tdcall(subfunction=ghci.RDMSR) if msr == self.msr:
                pairs = (("r11", self.value),)
            case _:
                return effects, self
        return (*effects, fx.SetRegisters(pairs)), self


def _carry_out(given: Given) -> None:
    lie = MsrLie(given.number("MSR"), given.number("VALUE"), given.number("ON"))
    given.machine.injected.twist(lie)
    given.machine.waits.disturb()


KIND = InjectionKind(
    "msr-lie", "the MSR reads as VALUE", (MSR, VALUE, ANY_CPU), _carry_out, "0x802 0x55 2",
    group="vmm",
)  # fmt: skip
