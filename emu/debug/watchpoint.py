"""Values that stop the machine when they change."""

from typing import Literal

from msgspec import Struct, field

from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.machine.probe import Access
from emu.picture.view import BreakpointView
from emu.words.place import Place, RegisterPlace
from emu.words.target import target

WatchedDoing = Literal["change", "read", "write", "access"]


class Watchpoint(Struct):
    """One watched place, what must be done to it, and how often that was seen."""

    number: int
    where: Place
    doing: WatchedDoing = "change"
    hits: int = 0

    def view(self) -> BreakpointView:
        """The watchpoint as a screen shows it, among the breakpoints."""
        if isinstance(self.where, RegisterPlace):
            return BreakpointView(self.number, self.name, 0, self.where.cpu, self.hits)
        return BreakpointView(self.number, self.name, self.where.address, None, self.hits)

    @property
    def name(self) -> str:
        """What people call it."""
        word = "watch" if self.doing == "change" else f"watch {self.doing} of"
        return f"{word} {self.where.name}"

    @property
    def order(self) -> str:
        """The command that sets it: a register with its CPU, whatever is in focus then."""
        register = isinstance(self.where, RegisterPlace)
        return f"watch {self.where.text if register else self.where.name} {self.doing}"

    @property
    def reads(self) -> bool:
        """Whether loads matter to it."""
        return self.doing in ("read", "access")

    def wants(self, access: Access) -> bool:
        """Whether this is what must be done."""
        match self.doing:
            case "change":
                return access.before != access.after
            case "read":
                return access.doing == "read"
            case "write":
                return access.doing != "read"
        return True


class Watchpoints(Struct):
    """All watchpoints; their numbers are drawn from those of the breakpoints."""

    listed: list[Watchpoint] = field(default_factory=list)
    temporary: list[Watchpoint] = field(default_factory=list)
    """Those of the command that is being carried out."""

    def add(
        self, number: int, machine: Machine, focus: Cpu, text: str, doing: WatchedDoing
    ) -> Watchpoint:
        """Watch a place; raises CommandError where there is none of that name."""
        where = target(machine, focus, text)
        if isinstance(where, RegisterPlace) and doing != "change":
            raise CommandError(f"watch: {text} is a register: only its changes are seen")
        found = Watchpoint(number, where, doing)
        self.listed.append(found)
        return found

    def until(self, machine: Machine, focus: Cpu, text: str) -> None:
        """Stop at the next change of a place, for the command that is being carried out."""
        self.temporary.append(Watchpoint(0, target(machine, focus, text)))

    def delete(self, number: int) -> None:
        """Remove one; raises CommandError for an unknown number."""
        kept = [watch for watch in self.listed if watch.number != number]
        if len(kept) == len(self.listed):
            raise CommandError(f"delete: there is no breakpoint {number}")
        self.listed = kept

    @property
    def all(self) -> list[Watchpoint]:
        """Those that people set and those of the command."""
        return [*self.listed, *self.temporary]
