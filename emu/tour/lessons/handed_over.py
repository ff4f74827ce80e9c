"""What the host hands over: the shim's parameters, and where they lie."""

from typing import Final

from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene

STRUCT: Final = "shim_params"
ISOLATION_AT: Final = 0x24
VBS: Final = 1
MEMORY_SIZE_AT: Final = 0x30
"""Of `struct shim_params` in shim/abi.h."""


def _parameters(seen: Scene) -> bool:
    """Whether the memory that is looked at begins with the parameters."""
    look = seen.session.looks.memory
    if not seen.said("mem"):
        return False
    data = bytes(one or 0 for one in seen.session.memory(f"{look.space}:{look.where}", 0x38))
    isolation = int.from_bytes(data[ISOLATION_AT : ISOLATION_AT + 4], "little")
    size = int.from_bytes(data[MEMORY_SIZE_AT:], "little")
    return isolation == VBS and size == seen.machine.board.platform.memory_bytes


LESSON = Lesson(
    "handed_over",
    done=lambda seen: _parameters(seen) and seen.session.looks.memory.kind == STRUCT,
    wrong=(
        ("bytes", _parameters),
        ("offset", lambda seen: "rsi" in seen.refused or "0x24000" in seen.refused),
        ("elsewhere", lambda seen: seen.last.startswith("mem ")),
    ),
    opening=Opening(platform="vbs"),
    panel="registers",
    row="rsi",
)
