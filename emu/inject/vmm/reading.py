"""Which decisions answer what was asked, instead of raising an exception."""

from emu.vmm import effects as fx


def answers(effects: fx.Effects) -> bool:
    """Whether the instruction that asked is completed."""
    return any(isinstance(one, fx.Complete) for one in effects)
