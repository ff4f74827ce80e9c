"""Somebody looks at bytes of host memory: who reads and who writes them, and when.

The engine reports accesses by host-physical address, whatever alias the guest used, and the
guest's course is not changed by it. Changes that no instruction's store explains are found
by comparing: those of the VMM after an exit, those of a page walk (A and D bits) after a run.
"""

from dataclasses import dataclass, field
from functools import partial
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
class MemoryProbe:
    """One range of host memory that is looked at."""

    hpa: Hpa
    size: int
    reads: bool = False
    """Whether reads are told, too; writes always are."""
    last: bytes = b""
    found: list[Access] = field(default_factory=list)

    def attach(self, machine: "Machine") -> None:
        """Begin to look."""
        self.last = machine.memory.read(self.hpa, self.size)
        machine.engine.watch_memory(
            self.hpa, self.size, self.reads, partial(self.touched, machine)
        )

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
        _note(
            self.found, Access(machine.tick + executed, machine.at_work, doing, before, after)
        )

    def compare(self, machine: "Machine", doing: Doing) -> None:
        """Whether the bytes have changed without a store that was seen."""
        now = machine.memory.read(self.hpa, self.size)
        if now != self.last:
            access = Access(machine.tick, machine.at_work, doing, self.last, now)
            _note(self.found, access)
            self.last = now

    def _stored(self, old: bytes, hpa: int, size: int, value: int) -> bytes:
        """The watched bytes after a store somewhere on them."""
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        first, last = max(hpa, self.hpa), min(hpa + size, self.hpa + self.size)
        return old[: first - self.hpa] + data[first - hpa : last - hpa] + old[last - self.hpa :]


@dataclass(slots=True)
class RegisterProbe:
    """One register of one CPU: a change is seen when the CPU's next instruction begins."""

    cpu: int
    register: str
    last: int = 0
    retired: int = 0
    """The CPU's own instructions when the engine ran last."""
    found: list[Access] = field(default_factory=list)

    def attach(self, machine: "Machine") -> None:
        """Begin to look."""
        context = machine.cpus[self.cpu].context
        self.last = 0 if context is None else context.get(self.register)
        machine.engine.watch_register(self.register, partial(self._begun, machine))

    def _begun(self, machine: "Machine", executed: int, now: int) -> None:
        """The instruction before the one that begins has made another value."""
        if machine.at_work == self.cpu and not machine.on_trial:
            self._look(machine.tick + executed - 1, now, "write", self.cpu)

    def compare(self, machine: "Machine", doing: Doing) -> None:
        """Look at the register between two runs of the engine, and after an exit."""
        cpu = machine.cpus[self.cpu]
        if machine.at_work not in (self.cpu, None) or cpu.context is None:
            return
        if doing == "walk":
            doing, self.retired = "write", cpu.ticks
        # What an exit did belongs to its instruction, which may yet have to be executed.
        begun = doing == "host" and machine.at_work is not None and cpu.ticks == self.retired
        who = None if machine.at_work is None else self.cpu
        self._look(machine.tick + begun, cpu.context.get(self.register), doing, who)

    def _look(self, tick: int, now: int, doing: Doing, who: int | None) -> None:
        if now != self.last:
            before, after = (value.to_bytes(8, "little") for value in (self.last, now))
            _note(self.found, Access(tick, who, doing, before, after))
            self.last = now


@dataclass(slots=True)
class CodeProbe:
    """Linear addresses: which CPU executes there, and when."""

    addresses: frozenset[int]
    """Empty: everywhere."""
    cpu: int | None = None
    """None: any."""
    found: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(tick that the instruction ends, beat, CPU, address)."""

    def attach(self, machine: "Machine") -> None:
        """Begin to look."""
        for address in sorted(self.addresses):
            machine.engine.watch_code(address, address, partial(self._begun, machine))
        if not self.addresses:
            machine.engine.watch_code(1, 0, partial(self._begun, machine))

    def _begun(self, machine: "Machine", executed: int, address: int) -> None:
        cpu = machine.at_work
        if machine.on_trial or cpu is None or self.cpu not in (None, cpu):
            return
        self.found.append((machine.tick + executed, machine.beat, cpu, address))

    def compare(self, machine: "Machine", doing: Doing) -> None:
        """Code is only executed by instructions."""


Probe = MemoryProbe | RegisterProbe | CodeProbe


def _note(found: list[Access], access: Access) -> None:
    if len(found) >= ACCESSES_MAX:
        del found[: ACCESSES_MAX // 2]
    found.append(access)
