"""CPUID that tells something else, executed or asked for by TDG.VP.VMCALL."""

from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import ANY_CPU, Parameter, one_of, within
from emu.inject.vmm.reading import answers
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx

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
        self, injected: Injected, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """An answer is followed by the lie."""
        if self.vp not in (-1, cpu.id) or not answers(effects):
            return effects, self
        get = cpu.registers.get
        if what.startswith("cpuid ") and get("rax") & _U32 == self.leaf:
            pair = "r" + self.part[1:], self.value
            return (*effects, fx.SetRegisters((pair,))), self
        if what.endswith("VP.VMCALL CPUID") and get("r12") & _U32 == self.leaf:
            return (*effects, fx.SetRegisters(((_BY_CALL[self.part], self.value),))), self
        return effects, self


def _carry_out(given: Given) -> None:
    lie = CpuidLie(
        given.number("LEAF"), given.word("PART"), given.number("VALUE"), given.number("ON")
    )
    given.machine.injected.twist(lie)


KIND = InjectionKind(
    "cpuid-lie", "a register of a CPUID leaf is VALUE", (LEAF, PART, WORD, ANY_CPU),
    _carry_out, "0x15 ebx 0", group="vmm",
)  # fmt: skip
