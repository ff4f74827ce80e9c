"""What a write to a control register comes to: what the platform has to say of it, then an
exception of the processor's, or nothing, and it is made.

The platform is asked first: an exit to a VMM or to the TDX module comes before all that depends
on the value (SDM 3C, 26.1.1)."""

from collections.abc import Callable
from typing import Final

from emu.boot.platform import Isolation
from emu.hw.control import Controls, refusal
from emu.vmm.asked import ControlWrite
from emu.vmm.cpuid import physical_bits
from emu.vmm.effects import Effects, RaiseException
from emu.vmm.state import Caller
from emu.vmm.tdx import control

_GP: Final = 13

Rules = Callable[[Caller, ControlWrite], Effects]
"""What a platform has to say of a write: effects, which take the write's place, or none."""

OF_PLATFORM: Final[dict[Isolation, Rules]] = {"tdx": control.rules}
"""The platforms that have anything to say of it."""


def answer(caller: Caller, asked: ControlWrite) -> Effects:
    """Effects instead of the write; none: the processor makes it."""
    rules = OF_PLATFORM.get(caller.platform.isolation)
    said = () if rules is None else rules(caller, asked)
    if said:
        return said
    why = refusal(_now(caller, asked), asked.register, asked.value)
    return () if why is None else (RaiseException(_GP, 0, f"#GP: {why}"),)


def _now(caller: Caller, asked: ControlWrite) -> Controls:
    of = caller.registers
    return Controls(
        cr0=of("cr0"), cr3=of("cr3"), cr4=of("cr4"), efer=of("efer"),
        code_long=asked.code_long, narrow_task=asked.narrow_task,
        physical_bits=physical_bits(caller.platform),
    )  # fmt: skip
