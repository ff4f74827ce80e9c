"""What a command that runs keeps an eye on."""

from msgspec import Struct, field

from emu.debug.catch import Catch, LogName
from emu.debug.watchpoint import Watchpoint
from emu.machine.probe import MemoryProbe, RegisterProbe


class Watching(Struct):
    """The probes that look at the machine, and how far the logs have been looked through."""

    probes: list[tuple[Watchpoint | Catch, MemoryProbe | RegisterProbe]] = field(
        default_factory=list
    )
    places: dict[LogName, int] = field(default_factory=dict)
    """By log: the first entry that has not been looked at."""
    standing: frozenset[tuple[int, int, int]] = frozenset()
    """(CPU, address, its ticks) where the command began: a breakpoint there is behind us."""
