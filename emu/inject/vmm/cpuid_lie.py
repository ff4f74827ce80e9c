"""CPUID that tells something else, executed or asked for by TDG.VP.VMCALL."""

from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import ANY_CPU, Parameter, one_of, within
from emu.inject.vmm.reading import answers
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx
from emu.vmm.asked import Asked, Cpuid, Tdcall
from emu.vmm.tdx import ghci

LEAF = Parameter("LEAF", "a leaf's number", within(0, 0xFFFF_FFFF))
PART = Parameter("PART", "eax, ebx, ecx or edx", one_of("eax", "ebx", "ecx", "edx"))
WORD = Parameter("VALUE", "32 bits", within(0, 0xFFFF_FFFF))
_BY_CALL = {"eax": "r12", "ebx": "r13", "ecx": "r14", "edx": "r15"}
_U32 = 0xFFFF_FFFF


class CpuidLie(Twist, frozen=True):
    """One register of one leaf, for one CPU or (-1) any, is another one."""

    leaf: int
    part: str
    value: int
    vp: int

    def decided(
        self, injected: Injected, cpu: Cpu, asked: Asked, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """An answer is followed by the lie."""
        if self.vp not in (-1, cpu.id) or not answers(effects):
            return effects, self
        leaf = cpu.registers.get("r12") & _U32
        match asked:
            case Cpuid(leaf=self.leaf):
                pair = "r" + self.part[1:], self.value
            case Tdcall(subfunction=ghci.CPUID) if leaf == self.leaf:
                pair = _BY_CALL[self.part], self.value
            case _:
                return effects, self
        return (*effects, fx.SetRegisters((pair,))), self


def _carry_out(given: Given) -> None:
    lie = CpuidLie(
        given.number("LEAF"), given.word("PART"), given.number("VALUE"), given.number("ON")
    )
    given.machine.injected.twist(lie)


KIND = InjectionKind(
    "cpuid-lie", "a register of a CPUID leaf is VALUE", (LEAF, PART, WORD, ANY_CPU),
    _carry_out, "0x15 ebx 0", group="vmm",
)  # fmt: skip
