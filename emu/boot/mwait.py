"""The depths of MWAIT that a platform may offer: their hints, and how CPUID tells of them.

Hints: Linux's intel_idle, tables of Sapphire Rapids and Alder Lake-N. What a hint means: SDM
2B, MWAIT, table "MWAIT Hints Register (EAX)". Leaf 5: SDM 2A, CPUID.
"""

from typing import Final, Literal, get_args

Depth = Literal["C1", "C6", "C8", "C10"]
DEPTHS: Final[tuple[Depth, ...]] = get_args(Depth)
"""From the one that is left fastest on."""
_HINTS: Final[dict[Depth, int]] = {"C1": 0x00, "C6": 0x20, "C8": 0x40, "C10": 0x60}
_NONE: Final = 0xF
"""Bits 7:4 of a hint that asks for C0."""


def hint_of(depth: Depth) -> int:
    """EAX of MWAIT for it: in bits 7:4 the number that the processor gives it, less one."""
    return _HINTS[depth]


def sub_states(offered: tuple[Depth, ...]) -> int:
    """Leaf 5, EDX: by four bits for each number, from 0 on, how many sub-states it has."""
    return sum(1 << 4 * ((hint_of(depth) >> 4) + 1) for depth in offered)


def entered(offered: tuple[Depth, ...], hint: int) -> Depth:
    """What a processor enters by a hint, of which it may use less: the deepest that it offers
    and that is no deeper, or else its lightest one."""
    number = hint >> 4 & 0xF
    fits = [depth for depth in offered if number != _NONE and hint_of(depth) >> 4 <= number]
    return max(fits or [min(offered, key=DEPTHS.index)], key=DEPTHS.index)


def leaving(depth: Depth) -> str:
    """The name of the price of leaving it."""
    return f"mwait_{depth.lower()}_ns"


def power(depth: Depth) -> str:
    """The name of its power."""
    return f"power_{depth.lower()}"
