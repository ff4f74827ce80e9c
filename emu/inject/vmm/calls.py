"""Calls to the host and the TDX module that are answered in another way, or fail."""

from msgspec.structs import replace

from emu.boot.platform import Platform
from emu.hw.cpu import Cpu
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx
from emu.vmm.asked import Asked, Tdcall, Vmcall
from emu.vmm.asked_words import describe
from emu.vmm.wanted import Wanted


class CallTwist(Twist, frozen=True):
    """The next `left` calls of a kind are answered in another way."""

    call: Wanted
    left: int

    def decided(
        self, injected: Injected, cpu: Cpu, asked: Asked, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist | None]:
        """Each such call counts."""
        if not isinstance(asked, Vmcall | Tdcall) or not self.call.meets(asked):
            return effects, self
        left = replace(self, left=self.left - 1) if self.left > 1 else None
        return self.answered(asked, effects), left

    def answered(self, asked: Asked, effects: fx.Effects) -> fx.Effects:
        """What becomes of the call."""
        raise NotImplementedError


def refused(asked: Asked, status: int, effects: fx.Effects) -> fx.Effects:
    """A call that fails: of what it would have done only its cost stays, and a status.

    That is RAX for a hypercall or a TDCALL. The TDX module does its part of TDG.VP.VMCALL, so
    there RAX is 0; the host's word is R10, or R11 for a hypercall (GHCI 1.5, 2.4.1 and 3)."""
    values: tuple[tuple[str, int], ...] = (("rax", status),)
    if isinstance(asked, Tdcall) and asked.hypercall is not None:
        values = (("rax", 0), ("r10", 0), ("r11", status))
    elif isinstance(asked, Tdcall) and asked.subfunction is not None:
        values = (("rax", 0), ("r10", status))
    costs = tuple(one for one in effects if isinstance(one, fx.Cost))
    told = next((one for one in effects if isinstance(one, fx.Note)), fx.Note(describe(asked)))
    note = fx.Note(f"{told.text}: refused with {status:#x} (injected)", "injected", told.given)
    return (note, fx.SetRegisters(values), fx.Complete(), *costs)  # fmt: skip


def lacks_calls(platform: Platform) -> str:
    """Why a platform has no calls; empty if it has."""
    calls = platform.isolation == "tdx" or platform.hyperv
    return "" if calls else f"platform {platform.name} has neither hypercalls nor TDCALLs"
