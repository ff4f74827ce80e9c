"""Pages of another size than the guest accepts: TDX_PAGE_SIZE_MISMATCH (TDX Module ABI,
TDG.MEM.PAGE.ACCEPT)."""

from emu.boot.platform import Platform
from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import GPA
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx
from emu.vmm.asked import Asked, Tdcall
from emu.vmm.tdx.abi import Code, mapping
from emu.vmm.tdx.leaf import failed
from emu.vmm.tdx.memory import ACCEPT


class SmallPages(Twist, frozen=True):
    """The host maps the large page around a GPA with small ones."""

    gpa: int

    def decided(
        self, injected: Injected, cpu: Cpu, asked: Asked, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """Accepting it as a large one fails."""
        if not isinstance(asked, Tdcall) or asked.leaf != ACCEPT:
            return effects, self
        page = mapping(cpu.registers.get("rcx"))
        if page is None or not page.level:
            return effects, self
        if not page.gpa <= self.gpa < page.gpa + page.pages * 4096:
            return effects, self
        text = f"ACCEPT of {page.gpa:#x} level {page.level}"
        return failed(Code.PAGE_SIZE_MISMATCH, page.level, text), self


def _lacking(platform: Platform) -> str:
    tdx = platform.isolation == "tdx"
    return "" if tdx else f"platform {platform.name} accepts pages of 4 KiB only"


def _carry_out(given: Given) -> None:
    given.machine.injected.twist(SmallPages(given.number("GPA")))


KIND = InjectionKind(
    "accept-size", "the page of GPA cannot be accepted as part of a large one", (GPA,),
    _carry_out, "0x9000000", lacking=_lacking, group="memory",
)  # fmt: skip
