"""Places that stop the machine, as people name them."""

from typing import Final

from msgspec import Struct, field

from emu.errors import CommandError
from emu.machine.machine import Machine
from emu.picture.view import BreakpointView
from emu.words.where import resolve

LOG_MAX: Final = 1_000
"""Lines that a breakpoint notes; of more, the newest."""


def as_written(
    where: str, cpu: int | None, after: int, once: str, log: str, condition: str
) -> str:
    """What stands behind `break`; `once` and `log` are these words, or empty."""
    words = [where, f"cpu {cpu}" if cpu is not None else ""]
    words += [f"after {after}" if after > 1 else "", once, log]
    return " ".join(filter(None, (*words, f"if {condition}" if condition else "")))


class Breakpoint(Struct):
    """One breakpoint: its addresses, the CPUs it stops, and what else must hold."""

    number: int
    where: str
    addresses: tuple[int, ...]
    cpu: int | None
    after: int = 1
    """The first hit that stops."""
    once: bool = False
    log: bool = False
    """It notes a hit, and lets the CPU go on."""
    condition: str = ""
    """An expression of `emu.words.expression`, evaluated for the CPU that is there."""
    hits: int = 0
    noted: list[str] = field(default_factory=list)

    def view(self) -> BreakpointView:
        """The breakpoint as a screen shows it."""
        return BreakpointView(
            self.number, self.where, self.addresses[0], self.cpu, self.hits, self.rule,
            tuple(self.noted[-LOG_MAX:]),
        )  # fmt: skip

    @property
    def rule(self) -> str:
        """What else must hold, and what happens then."""
        return "  ".join(filter(None, (
            f"if {self.condition}" if self.condition else "",
            f"from hit {self.after:,}" if self.after > 1 else "",
            "once" if self.once else "", "logs" if self.log else "",
        )))  # fmt: skip

    @property
    def order(self) -> str:
        """The command that sets it."""
        once, log = "once" if self.once else "", "log" if self.log else ""
        return "break " + as_written(
            self.where, self.cpu, self.after, once, log, self.condition
        )

    def stops(self, address: int, cpu: int) -> bool:
        """Whether a CPU at an address is meant."""
        return address in self.addresses and self.cpu in (None, cpu)

    def note(self, text: str) -> None:
        """Remember a hit in words."""
        self.noted = [*self.noted, text][-LOG_MAX:]


class Breakpoints(Struct):
    """All breakpoints of a session; numbers are never used twice."""

    machine: Machine
    listed: list[Breakpoint] = field(default_factory=list)
    temporary: list[Breakpoint] = field(default_factory=list)
    """Those of the command that is being carried out; gone when it stops."""
    _next: int = 1

    def number(self) -> int:
        """A number that no breakpoint or watchpoint has had."""
        self._next += 1
        return self._next - 1

    def add(
        self, where: str, cpu: int | None, after: int, once: bool, log: bool, condition: str
    ) -> Breakpoint:
        """Set a breakpoint; raises CommandError where the place or CPU does not exist."""
        if cpu is not None and cpu >= len(self.machine.board.cpus):
            raise CommandError(f"break: there is no cpu {cpu}")
        addresses = resolve(self.machine, where)
        found = Breakpoint(self.number(), where, addresses, cpu, after, once, log, condition)
        self.listed.append(found)
        self._tell(found)
        return found

    def delete(self, wanted: int) -> None:
        """Remove a breakpoint; raises CommandError for an unknown number."""
        kept = [point for point in self.listed if point.number != wanted]
        if len(kept) == len(self.listed):
            raise CommandError(f"delete: there is no breakpoint {wanted}")
        self.listed = kept
        self.apply()

    def until(
        self, addresses: tuple[int, ...], where: str, cpu: int | None, condition: str = ""
    ) -> None:
        """Stop once at a place, for the command that is being carried out."""
        self.temporary.append(Breakpoint(0, where, addresses, cpu, condition=condition))
        self._tell(self.temporary[-1])

    def forget_temporary(self) -> None:
        """The command is over."""
        if self.temporary:
            self.temporary.clear()
            self.apply()

    def apply(self) -> None:
        """Tell the machine where to stop."""
        self.machine.board.addresses.stops = {}
        for point in (*self.listed, *self.temporary):
            self._tell(point)
        self.machine.board.addresses.refresh()

    def _tell(self, point: Breakpoint) -> None:
        """One more: what it costs does not depend on how many there are."""
        cpus = None if point.cpu is None else frozenset((point.cpu,))
        for address in point.addresses:
            self.machine.board.addresses.stop(address, cpus)

    def hit(self, address: int, cpu: int) -> list[Breakpoint]:
        """Those that a CPU stops at."""
        return [p for p in (*self.listed, *self.temporary) if p.stops(address, cpu)]
