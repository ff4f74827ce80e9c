"""How far a shim is that has no symbols of ours: what its host sees it ask for, the first time.

Sources: TLFS, HV_X64_MSR_HYPERCALL, HvCallAcceptGpaPages, HvCallEnableVpVtl,
HvCallStartVirtualProcessor; Intel TDX Module ABI, TDG.MEM.PAGE.ACCEPT; GHCI 1.5, MapGPA.
"""

from typing import Final

from emu.boot.roles import HOST_STEPS, Phase
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.event import Milestone
from emu.vmm import asked as ask

_HYPERCALL_MSR: Final = 0x4000_0001
_BY_CALL: Final[dict[int, Phase]] = {
    0x0F: "start APs", 0x99: "start APs", 0xD9: "memory", 0xDB: "memory",
}  # fmt: skip
_CODE: Final = 0xFFFF
_ACCEPT: Final = 6
_MAP_GPA: Final = 0x10001


def step_of(asked: ask.Asked) -> Phase | None:
    """The phase that a call belongs to."""
    match asked:
        case ask.Wrmsr(msr=msr) if msr == _HYPERCALL_MSR:
            return "hypercalls"
        case ask.Vmcall(control=control):
            return _BY_CALL.get(control & _CODE)
        case ask.Tdcall() if asked.hypercall is not None:
            return _BY_CALL.get(asked.hypercall & _CODE)
        case ask.Tdcall() if asked.leaf == _ACCEPT or asked.subfunction == _MAP_GPA:
            return "memory"
    return None


class HostSteps:
    """The steps that have not been seen yet; of images that are known by their symbols, and of
    those that no host starts by calls, none is looked for."""

    def __init__(self, board: Board) -> None:
        self._board = board
        layout, by_host = board.layout, board.platform.start != "sipi"
        asks = by_host and layout.entry.rip != layout.os_entry and not board.roles.known
        self.awaited = frozenset(HOST_STEPS if asks else ())

    def save(self) -> frozenset[Phase]:
        """Those that are left, for `load`."""
        return self.awaited

    def load(self, saved: frozenset[Phase]) -> None:
        """Be again what `save` saw."""
        self.awaited = saved

    def asked(self, cpu: Cpu, asked: ask.Asked) -> None:
        """The first CPU asks its host for something."""
        step = step_of(asked) if not cpu.id else None
        if step not in self.awaited or step is None or self._board.on_trial:
            return
        self.awaited -= {step}
        cpu.milestone = step
        self._board.event(cpu, "milestone", f"reaches {step}", Milestone(step))
