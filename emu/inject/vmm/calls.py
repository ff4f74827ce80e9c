"""Which exits are calls, by the words that the log of exits has for them, and how they fail."""

from msgspec.structs import replace

from emu.boot.platform import Platform
from emu.hw.cpu import Cpu
from emu.machine.injected import Injected, Twist
from emu.vmm import effects as fx

_TD_CALL = "vp.vmcall"


def is_call(what: str, name: str) -> bool:
    """Whether an exit is a hypercall or TDCALL whose words contain `name` (lower case; `.`:
    any)."""
    text = what.lower()
    return text.startswith(("hypercall ", "tdcall ")) and (name == "." or name in text)


class CallTwist(Twist, frozen=True):
    """The next `left` calls of a name are answered in another way."""

    call: str
    left: int

    def decided(
        self, injected: Injected, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist | None]:
        """Each such call counts."""
        if not is_call(what, self.call):
            return effects, self
        left = replace(self, left=self.left - 1) if self.left > 1 else None
        return self.answered(what, effects), left

    def answered(self, what: str, effects: fx.Effects) -> fx.Effects:
        """What becomes of the call."""
        raise NotImplementedError


def refused(what: str, status: int, effects: fx.Effects) -> fx.Effects:
    """A call that fails: of what it would have done only its cost stays, and a status.

    That is RAX for a hypercall or a TDCALL. The TDX module does its part of TDG.VP.VMCALL, so
    there RAX is 0; the host's word is R10, or R11 for a hypercall (GHCI 1.5, 2.4.1 and 3)."""
    words = what.lower()
    values: tuple[tuple[str, int], ...] = (("rax", status),)
    if _TD_CALL in words:
        hypercall = "hypercall" in words
        values = (("rax", 0), ("r10", 0), ("r11", status)) if hypercall else (
            ("rax", 0), ("r10", status),
        )  # fmt: skip
    costs = tuple(one for one in effects if isinstance(one, fx.Cost))
    return (fx.Note(f"{what}: refused with {status:#x} (injected)"),
            fx.SetRegisters(values), fx.Complete(), *costs)  # fmt: skip


def lacks_calls(platform: Platform) -> str:
    """Why a platform has no calls; empty if it has."""
    calls = platform.isolation == "tdx" or platform.hyperv
    return "" if calls else f"platform {platform.name} has neither hypercalls nor TDCALLs"
