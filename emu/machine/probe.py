"""Somebody looks at bytes of host memory: who reads and who writes them, and when.

The engine reports accesses by host-physical address, whatever alias the guest used, and the
guest's course is not changed by it. Changes that no instruction's store explains are found
by comparing: those of the VMM after an exit, those of a page walk (A and D bits) after a run.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from emu.hw.address import Hpa

if TYPE_CHECKING:
    from emu.machine.machine import Machine

Doing = Literal["read", "write", "host", "walk"]
"""`host`: the VMM, or somebody at the debugger. `walk`: the MMU, while it walked."""
ACCESSES_MAX: Final = 1 << 16
"""Accesses kept; of more, the newest."""


class Access(NamedTuple):
    """One access to the bytes that are looked at."""

    tick: int
    """The tick that the instruction ends; for a walk, one by which it has happened."""
    cpu: int | None
    doing: Doing
    before: bytes
    after: bytes
    """What the watched bytes held; equal for a read."""


@dataclass(slots=True)
class Probe:
    """One range of host memory that is looked at."""

    hpa: Hpa
    size: int
    reads: bool = False
    """Whether reads are told, too; writes always are."""
    last: bytes = b""
    found: list[Access] = field(default_factory=list)

    def touched(
        self, machine: "Machine", executed: int, hpa: int, size: int, stored: int | None
    ) -> None:
        """A guest instruction, the `executed`th since the engine began, loads or stores."""
        near = hpa < self.hpa + self.size and hpa + size > self.hpa
        if machine.on_trial or not near:
            return
        before = machine.memory.read(self.hpa, self.size)
        after = before if stored is None else self._stored(before, hpa, size, stored)
        self.last = after
        doing: Doing = "read" if stored is None else "write"
        self._note(Access(machine.tick + executed, machine.at_work, doing, before, after))

    def compare(self, machine: "Machine", doing: Doing) -> None:
        """Whether the bytes have changed without a store that was seen."""
        now = machine.memory.read(self.hpa, self.size)
        if now != self.last:
            self._note(Access(machine.tick, machine.at_work, doing, self.last, now))
            self.last = now

    def _note(self, access: Access) -> None:
        if len(self.found) >= ACCESSES_MAX:
            del self.found[: ACCESSES_MAX // 2]
        self.found.append(access)

    def _stored(self, old: bytes, hpa: int, size: int, value: int) -> bytes:
        """The watched bytes after a store somewhere on them."""
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        first, last = max(hpa, self.hpa), min(hpa + size, self.hpa + self.size)
        return old[: first - self.hpa] + data[first - hpa : last - hpa] + old[last - self.hpa :]
