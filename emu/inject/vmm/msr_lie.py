"""An MSR that reads as something else, by RDMSR and by TDG.VP.VMCALL."""

from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import ANY_CPU, VALUE, Parameter, within
from emu.inject.vmm.reading import answers
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx

MSR = Parameter("MSR", "an MSR's number", within(0, 0xFFFF_FFFF))
_U32 = 0xFFFF_FFFF


class MsrLie(Twist, frozen=True):
    """Reads of one MSR, by one CPU or (-1) any, give another value."""

    msr: int
    value: int
    vp: int

    def decided(
        self, injected: Injected, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """An answer is followed by the lie."""
        if self.vp not in (-1, cpu.id) or not answers(effects):
            return effects, self
        get = cpu.registers.get
        if what.startswith("rdmsr ") and get("rcx") & _U32 == self.msr:
            pairs = (("rax", self.value & _U32), ("rdx", self.value >> 32))
            return (*effects, fx.SetRegisters(pairs)), self
        if what.endswith("VP.VMCALL RDMSR") and get("r12") & _U32 == self.msr:
            return (*effects, fx.SetRegisters((("r11", self.value),))), self
        return effects, self


def _carry_out(given: Given) -> None:
    lie = MsrLie(given.number("MSR"), given.number("VALUE"), given.number("ON"))
    given.machine.injected.twist(lie)
    given.machine.waits.disturb()


KIND = InjectionKind(
    "msr-lie", "the MSR reads as VALUE", (MSR, VALUE, ANY_CPU), _carry_out, "0x802 0x55 2",
    group="vmm",
)  # fmt: skip
